//! Which published messages the server has confirmed. amiquip's own smoother reports a nack as an ack when a
//! later multiple-ack passes it: a silent loss.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use amiquip::Confirm;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// The unconfirmed messages of one channel.
#[derive(Default)]
pub(super) struct Tracker {
    /// Where the answer to a delivery tag goes.
    open: BTreeMap<u64, Place>,
    batches: HashMap<u64, Batch>,
    next_batch: u64,
    last_tag: u64,
    /// Since when nothing was confirmed of what was sent.
    unheard_since: Option<Instant>,
}

struct Place {
    batch: u64,
    /// Of the wake-ups of the batch, the message's first and their number.
    first: usize,
    len: usize,
    returned: bool,
}

struct Batch {
    confirmed: Vec<bool>,
    sent: usize,
    missing: usize,
    answer: oneshot::Sender<Vec<bool>>,
    /// Frees the window when the batch is settled.
    _window: OwnedSemaphorePermit,
}

impl Tracker {
    /// Opens a batch of `len` wake-ups; the answer comes when the last is settled or the tracker is dropped.
    pub(super) fn open(
        &mut self,
        len: usize,
        answer: oneshot::Sender<Vec<bool>>,
        window: OwnedSemaphorePermit,
    ) -> u64 {
        let number = self.next_batch;
        self.next_batch += 1;
        let batch = Batch {
            confirmed: vec![false; len],
            sent: 0,
            missing: len,
            answer,
            _window: window,
        };
        self.batches.insert(number, batch);
        self.unheard_since.get_or_insert_with(Instant::now);
        number
    }

    /// The delivery tag of the next publish, which carries the next `len` wake-ups of `batch`.
    pub(super) fn next_tag(&mut self, batch: u64, len: usize) -> u64 {
        self.last_tag += 1;
        // A batch that was given up has nobody left to tell.
        if let Some(sent) = self.batches.get_mut(&batch).map(|batch| &mut batch.sent) {
            let place = Place {
                batch,
                first: *sent,
                len,
                returned: false,
            };
            *sent += len;
            self.open.insert(self.last_tag, place);
        }
        self.last_tag
    }

    /// Since when nothing was confirmed of what was sent; a nack is no confirm.
    pub(super) fn unheard_since(&self) -> Option<Instant> {
        self.unheard_since
    }

    /// The message could not be routed. A confirm still follows, and means nothing.
    pub(super) fn returned(&mut self, tag: u64) {
        if let Some(place) = self.open.get_mut(&tag) {
            place.returned = true;
        }
    }

    pub(super) fn settle(&mut self, confirm: Confirm) {
        let (payload, acked) = match confirm {
            Confirm::Ack(payload) => (payload, true),
            Confirm::Nack(payload) => (payload, false),
        };
        let settled = if payload.multiple {
            let later = self.open.split_off(&payload.delivery_tag.saturating_add(1));
            std::mem::replace(&mut self.open, later)
        } else {
            self.open
                .remove_entry(&payload.delivery_tag)
                .into_iter()
                .collect()
        };
        for place in settled.into_values() {
            self.answer(&place, acked && !place.returned);
        }
        if acked {
            self.unheard_since = (!self.batches.is_empty()).then(Instant::now);
        }
    }

    /// Answers everything that is open: what was confirmed is confirmed, the rest is not known. What the server
    /// says of it later is ignored.
    pub(super) fn give_up(&mut self) {
        self.open.clear();
        self.unheard_since = None;
        for batch in std::mem::take(&mut self.batches).into_values() {
            let _ = batch.answer.send(batch.confirmed);
        }
    }

    fn answer(&mut self, place: &Place, confirmed: bool) {
        let Some(batch) = self.batches.get_mut(&place.batch) else {
            return;
        };
        batch.confirmed[place.first..place.first + place.len].fill(confirmed);
        batch.missing -= place.len;
        if batch.missing == 0
            && let Some(batch) = self.batches.remove(&place.batch)
        {
            // Nobody may wait any more: the caller gave up.
            let _ = batch.answer.send(batch.confirmed);
        }
    }
}

impl Drop for Tracker {
    /// The connection is gone.
    fn drop(&mut self) {
        self.give_up();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use amiquip::ConfirmPayload;
    use tokio::sync::Semaphore;

    use super::*;

    fn opened(len: usize) -> (Tracker, oneshot::Receiver<Vec<bool>>) {
        let mut tracker = Tracker::default();
        let (answer, answered) = oneshot::channel();
        let window = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let batch = tracker.open(len, answer, window);
        for index in 0..len {
            assert_eq!(tracker.next_tag(batch, 1), index as u64 + 1);
        }
        (tracker, answered)
    }

    fn payload(delivery_tag: u64, multiple: bool) -> ConfirmPayload {
        ConfirmPayload {
            delivery_tag,
            multiple,
        }
    }

    #[test]
    fn a_nack_stays_a_nack_when_a_later_ack_passes_it() {
        let (mut tracker, mut answered) = opened(4);
        tracker.settle(Confirm::Nack(payload(2, false)));
        assert!(answered.try_recv().is_err());
        tracker.settle(Confirm::Ack(payload(4, true)));
        assert_eq!(answered.try_recv().unwrap(), [true, false, true, true]);
    }

    #[test]
    fn a_returned_message_is_not_confirmed_though_the_server_acks_it() {
        let (mut tracker, mut answered) = opened(2);
        tracker.returned(1);
        tracker.settle(Confirm::Ack(payload(2, true)));
        assert_eq!(answered.try_recv().unwrap(), [false, true]);
    }

    #[test]
    fn a_confirm_of_what_was_given_up_means_nothing() {
        let (mut tracker, mut answered) = opened(2);
        tracker.give_up();
        assert_eq!(answered.try_recv().unwrap(), [false, false]);
        tracker.settle(Confirm::Ack(payload(1, false)));
        let (answer, mut answered) = oneshot::channel();
        let window = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let batch = tracker.open(1, answer, window);
        assert_eq!(tracker.next_tag(batch, 1), 3, "tags go on with the channel");
        tracker.settle(Confirm::Ack(payload(3, true)));
        assert_eq!(answered.try_recv().unwrap(), [true]);
    }

    #[test]
    fn a_message_of_several_wakeups_settles_them_all() {
        let mut tracker = Tracker::default();
        let (answer, mut answered) = oneshot::channel();
        let window = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let batch = tracker.open(5, answer, window);
        assert_eq!((tracker.next_tag(batch, 3), tracker.next_tag(batch, 2)), (1, 2));
        tracker.settle(Confirm::Nack(payload(2, false)));
        assert!(answered.try_recv().is_err());
        tracker.settle(Confirm::Ack(payload(1, false)));
        assert_eq!(answered.try_recv().unwrap(), [true, true, true, false, false]);
    }

    #[test]
    fn what_was_sent_is_unheard_of_until_a_confirm_and_no_nack_ends_that() {
        assert_eq!(Tracker::default().unheard_since(), None);
        let (mut tracker, _answered) = opened(3);
        let sent = tracker.unheard_since();
        assert!(sent.is_some_and(|sent| sent <= Instant::now()));
        tracker.settle(Confirm::Nack(payload(1, false)));
        assert_eq!(tracker.unheard_since(), sent);
        tracker.settle(Confirm::Ack(payload(2, false)));
        assert!(tracker.unheard_since() > sent, "one is left");
        tracker.settle(Confirm::Ack(payload(3, false)));
        assert_eq!(tracker.unheard_since(), None);
    }

    #[test]
    fn a_lost_connection_answers_what_is_known() {
        let (mut tracker, mut answered) = opened(2);
        tracker.settle(Confirm::Ack(payload(2, false)));
        drop(tracker);
        assert_eq!(answered.try_recv().unwrap(), [false, true]);
    }
}
