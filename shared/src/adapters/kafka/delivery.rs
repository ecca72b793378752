//! Records that are handed over together: they share their room in the buffer, and are answered when the last of them
//! has its delivery report. A mark at each record's own report costs next to nothing.

use std::sync::{Arc, OnceLock};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::fault;
use crate::ports::{LogDelivery, LogError};

/// What became of one record.
pub(super) type Answer = Result<LogDelivery, LogError>;

/// Gives the answers in the order of the records.
pub(super) type Answers = oneshot::Receiver<Vec<Answer>>;

/// A group, of which each record and who hands it over holds a share. It answers when the last share is dropped.
pub(super) struct Group {
    answers: Vec<OnceLock<Answer>>,
    answered: Option<oneshot::Sender<Vec<Answer>>>,
    /// Given back with the last report.
    _room: OwnedSemaphorePermit,
}

impl Group {
    /// Of this many records.
    pub(super) fn new(records: usize, room: OwnedSemaphorePermit) -> (Arc<Self>, Answers) {
        let (answered, answers) = oneshot::channel();
        let group = Self {
            answers: std::iter::repeat_with(OnceLock::new).take(records).collect(),
            answered: Some(answered),
            _room: room,
        };
        (Arc::new(group), answers)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let answers = self
            .answers
            .drain(..)
            .map(|answer| answer.into_inner().unwrap_or_else(|| Err(fault::gone("publish"))));
        if let Some(answered) = self.answered.take() {
            // The publisher may have gone; the records stand all the same.
            let _ = answered.send(answers.collect());
        }
    }
}

/// A record that waits for its delivery report.
pub(super) struct Pending {
    group: Arc<Group>,
    place: usize,
}

impl Pending {
    /// The record at this place of the group.
    pub(super) fn new(group: &Arc<Group>, place: usize) -> Self {
        Self {
            group: Arc::clone(group),
            place,
        }
    }

    /// Keeps the first answer.
    pub(super) fn answer(&self, answer: Answer) {
        if let Some(place) = self.group.answers.get(self.place) {
            let _ = place.set(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    fn delivered(offset: i64) -> Answer {
        Ok(LogDelivery {
            partition: 0,
            offset: Some(offset),
        })
    }

    #[tokio::test]
    async fn answers_stand_at_their_places_once_the_last_share_is_gone() {
        let room = Arc::new(Semaphore::new(3));
        let permit = Arc::clone(&room).acquire_many_owned(3).await.unwrap();
        let (group, mut answers) = Group::new(3, permit);
        let pending: Vec<Pending> = (0..3).map(|place| Pending::new(&group, place)).collect();
        pending[2].answer(delivered(2));
        pending[0].answer(delivered(0));
        pending[0].answer(delivered(7));
        drop(pending);
        assert!(answers.try_recv().is_err(), "who hands over holds a share");
        assert_eq!(room.available_permits(), 0);
        drop(group);
        let answers = answers.await.unwrap();
        assert_eq!(answers[0].as_ref().unwrap().offset, Some(0));
        assert!(
            matches!(answers[1], Err(LogError::Away { .. })),
            "{:?}",
            answers[1]
        );
        assert_eq!(answers[2].as_ref().unwrap().offset, Some(2));
        assert_eq!(room.available_permits(), 3);
    }
}
