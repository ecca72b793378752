//! The messages of a connection that the server waits to hear of, and when it is told of which (step 4).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::wire::Wakeup;

/// So long after its claim a message may stay unacknowledged (P6). The log of a quorum queue takes a flush for an
/// acknowledgement, which the task that was just claimed would have to share the disk with; and under load more of them
/// are told together.
const TOLD_WITHIN: Duration = Duration::from_millis(10);

/// Messages by their delivery tags.
pub(super) struct Held<M> {
    open: BTreeMap<u64, Open<M>>,
    /// Those of `open` that are to be acknowledged.
    settled: BTreeSet<u64>,
    /// When the first of them was settled.
    since: Option<Instant>,
}

/// A message, and its wake-ups that are not settled: a bit for each.
struct Open<M> {
    message: M,
    unsettled: u16,
}

/// What is to be acknowledged. One frame does for all up to a message; to a quorum queue each is a command that its log
/// has to take.
pub(super) struct Settled<M> {
    /// The last of those before which none stays open.
    pub(super) up_to: Option<M>,
    pub(super) beyond: Vec<M>,
}

impl<M> Held<M> {
    pub(super) const fn new() -> Self {
        Self {
            open: BTreeMap::new(),
            settled: BTreeSet::new(),
            since: None,
        }
    }

    /// Holds a message of so many wake-ups; returns the tags of their deliveries.
    pub(super) fn hold(
        &mut self,
        tag: u64,
        message: M,
        wakeups: usize,
    ) -> impl Iterator<Item = u64> + use<M> {
        let parts = (0..).take(wakeups.min(Wakeup::PER_MESSAGE));
        let unsettled = parts
            .clone()
            .fold(0, |unsettled, part: u32| unsettled | 1 << part);
        self.open.insert(tag, Open { message, unsettled });
        parts.map(move |part| Part { message: tag, part }.to_tag())
    }

    /// A delivery's task was claimed, or needs no claim; its message is settled with the last of them.
    pub(super) fn settle(&mut self, delivery: u64) {
        let Part { message, part } = Part::of_tag(delivery);
        if let Some(open) = self.open.get_mut(&message) {
            open.unsettled &= !(1 << part);
            if open.unsettled == 0 {
                self.settled.insert(message);
                self.since.get_or_insert_with(Instant::now);
            }
        }
    }

    /// The message of a delivery, which is not held any more.
    pub(super) fn let_go(&mut self, delivery: u64) -> Option<M> {
        let tag = Part::of_tag(delivery).message;
        self.settled.remove(&tag);
        self.open.remove(&tag).map(|open| open.message)
    }

    /// Whether every message was told of.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// When the server is to be told; at once where it would hold back others, of which it gives `prefetch` at a time.
    pub(super) fn due(&self, prefetch: u16) -> Option<Instant> {
        let few = self.settled.len() < usize::from(prefetch / 4);
        self.since
            .map(|since| if few { since + TOLD_WITHIN } else { since })
    }

    /// What the server is to be told, which is not held any more.
    pub(super) fn take_settled(&mut self) -> Settled<M> {
        let settled = std::mem::take(&mut self.settled);
        self.since = None;
        let stays = self.open.keys().find(|tag| !settled.contains(tag)).copied();
        let later = stays.map_or_else(BTreeMap::new, |stays| self.open.split_off(&stays));
        let before = std::mem::replace(&mut self.open, later).pop_last();
        let beyond = settled.iter().filter_map(|tag| self.open.remove(tag));
        Settled {
            beyond: beyond.map(|open| open.message).collect(),
            up_to: before.map(|(_, open)| open.message),
        }
    }
}

/// One wake-up of a message; both together are the tag of its delivery.
struct Part {
    message: u64,
    part: u32,
}

impl Part {
    const BITS: u32 = Wakeup::PER_MESSAGE.ilog2();

    const fn to_tag(&self) -> u64 {
        self.message << Self::BITS | self.part as u64
    }

    const fn of_tag(tag: u64) -> Self {
        Self {
            message: tag >> Self::BITS,
            part: (tag & ((1 << Self::BITS) - 1)) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages 1, 2, … of so many wake-ups, with the tags of their deliveries.
    fn held(wakeups: &[usize]) -> (Held<u64>, Vec<Vec<u64>>) {
        let mut held = Held::new();
        let tags = (1..).zip(wakeups);
        let tags = tags.map(|(tag, wakeups)| held.hold(tag, tag, *wakeups).collect());
        let tags = tags.collect();
        (held, tags)
    }

    #[test]
    fn a_message_is_settled_with_the_last_of_its_wakeups() {
        let (mut held, tags) = held(&[16]);
        for tag in &tags[0][1..] {
            held.settle(*tag);
        }
        assert_eq!(held.due(1), None);
        held.settle(tags[0][0]);
        assert!(held.due(1).is_some());
        assert_eq!(held.take_settled().up_to, Some(1));
        assert_eq!(held.due(1), None, "it was told");
    }

    #[test]
    fn one_frame_tells_of_all_before_the_first_that_stays_open() {
        let (mut held, tags) = held(&[1; 6]);
        for message in [0, 1, 3, 5] {
            held.settle(tags[message][0]);
        }
        let told = held.take_settled();
        assert_eq!((told.up_to, told.beyond), (Some(2), vec![4, 6]));
        assert_eq!(held.let_go(tags[4][0]), Some(5));
        held.settle(tags[2][0]);
        let told = held.take_settled();
        assert_eq!((told.up_to, told.beyond), (Some(3), vec![]));
    }

    #[test]
    fn the_server_is_told_soon_and_at_once_where_it_would_wait_for_that() {
        let (mut held, tags) = held(&[1, 1]);
        held.settle(tags[0][0]);
        let at_once = held.due(1).unwrap();
        for little in 2..8 {
            assert_eq!(held.due(little), Some(at_once), "{little}");
        }
        assert_eq!(held.due(8), Some(at_once + TOLD_WITHIN));
        held.settle(tags[1][0]);
        assert_eq!(held.due(8), Some(at_once));
    }
}
