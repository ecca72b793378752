//! Step 2, idempotency: a request with a key is digested, and takes its turn among those with the same key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use shared::job::{IdempotencyKey, RequestDigest};
use shared::ports::KeyUse;
use tokio::sync::{Mutex as Turns, OwnedMutexGuard};

use crate::refusal::{Refusal, RefusalCode};

/// How long a request waits for another one with the same key (contract.md §3).
const PATIENCE: Duration = Duration::from_secs(10);

/// A key and what is known of its request so far.
#[derive(Clone, Debug)]
pub struct RequestKey {
    key: IdempotencyKey,
    digest: Sha256,
}

impl RequestKey {
    /// The key of a request whose head has these parts, in this order; its body follows.
    #[must_use]
    pub fn new(key: IdempotencyKey, head: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in head {
            // With its length, so that no part can run into the next.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self { key, digest }
    }

    /// The key of a request with this whole body.
    #[must_use]
    pub fn with_body(mut self, body: &Bytes) -> Self {
        self.update(body);
        self
    }

    pub(super) fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// Takes the next bytes of the body.
    pub(super) fn update(&mut self, body: &Bytes) {
        self.digest.update(body);
    }

    /// The use of the key, once the body is complete.
    pub(super) fn into_use(self) -> KeyUse {
        KeyUse {
            key: self.key,
            request: RequestDigest(self.digest.finalize().into()),
        }
    }
}

/// Where requests with the same key wait for one another. Another process decides at its commit.
#[derive(Default)]
pub(super) struct Desk {
    turns: Mutex<HashMap<IdempotencyKey, Arc<Turns<()>>>>,
}

/// The right to work on the only request with a key, until it is dropped.
pub(super) struct Turn<'d> {
    // Given up before the place is: who leaves last clears the desk.
    _turn: OwnedMutexGuard<()>,
    _place: Place<'d>,
}

/// One request at the desk, whether it waits or works.
struct Place<'d> {
    desk: &'d Desk,
    key: IdempotencyKey,
}

impl Desk {
    /// Waits for the key's turn.
    ///
    /// # Errors
    /// `key_in_flight` when the one before takes too long.
    pub(super) async fn take(&self, key: &IdempotencyKey) -> Result<Turn<'_>, Refusal> {
        let turns = Arc::clone(self.lock().entry(key.clone()).or_default());
        let place = Place {
            desk: self,
            key: key.clone(),
        };
        match tokio::time::timeout(PATIENCE, turns.lock_owned()).await {
            Ok(turn) => Ok(Turn {
                _turn: turn,
                _place: place,
            }),
            Err(_) => Err(Refusal::new(
                RefusalCode::KeyInFlight,
                "another request with this Idempotency-Key is still being taken in; repeat this one when it is done",
            )),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IdempotencyKey, Arc<Turns<()>>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut turns = self.desk.lock();
        // Everyone else at the desk holds the turns of the key as well.
        if turns
            .get(&self.key)
            .is_some_and(|turns| Arc::strong_count(turns) == 1)
        {
            turns.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> IdempotencyKey {
        text.parse().unwrap()
    }

    #[test]
    fn parts_of_the_head_and_the_body_all_count() {
        let digest = |head: &[&str], body: &'static str| {
            let mut request = RequestKey::new(key("k"), head);
            request.update(&Bytes::from_static(body.as_bytes()));
            request.into_use().request
        };
        let one = digest(&["POST", "/submit", ""], "{}");
        assert_eq!(one, digest(&["POST", "/submit", ""], "{}"));
        for other in [
            digest(&["POST", "/submi", "t"], "{}"),
            digest(&["POST", "/submit", "x"], "{}"),
            digest(&["POST", "/submit", ""], "{} "),
        ] {
            assert_ne!(one, other);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_has_one_turn_at_a_time_and_nothing_is_left_at_the_desk() {
        let desk = Desk::default();
        let first = desk.take(&key("k")).await.unwrap();
        let other = desk.take(&key("another")).await.unwrap();
        let refused = desk.take(&key("k")).await.err().unwrap();
        assert_eq!(refused.code, RefusalCode::KeyInFlight);
        assert_eq!(desk.lock().len(), 2, "who gave up takes no turn away");
        let next = async {
            let turn = desk.take(&key("k")).await;
            turn.is_ok()
        };
        let leave = async {
            tokio::time::sleep(PATIENCE / 2).await;
            drop(first);
        };
        assert!(tokio::join!(next, leave).0);
        drop(other);
        assert!(desk.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_request_that_breaks_off_leaves_the_turn_to_others() {
        let desk = Desk::default();
        let first = desk.take(&key("k")).await.unwrap();
        let broken_off = tokio::time::timeout(PATIENCE / 2, desk.take(&key("k"))).await;
        assert!(broken_off.is_err());
        drop(first);
        assert!(desk.lock().is_empty());
        assert!(desk.take(&key("k")).await.is_ok());
    }
}
