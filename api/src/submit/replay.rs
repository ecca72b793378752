//! Step 2, a request whose key was used before: answered with its job as it is now.

use bytes::Bytes;
use shared::ports::{JobLookup, KeptKey, KeyUse};

use super::key::{RequestKey, Turn};
use super::{Submitted, Submitter};
use crate::contract::MAX_ROWS;
use crate::refusal::{Refusal, RefusalCode};

/// How far the key of a request has brought it.
pub(super) enum Opened<'d> {
    /// Another request with the key had made this job.
    Replay(Submitted),
    /// The request is to be carried out, while it holds its turn.
    Go(Option<KeyUse>, Option<Turn<'d>>),
}

impl Submitter {
    /// Brings a request with a complete body as far as its key allows.
    pub(super) async fn open(&self, key: Option<RequestKey>, body: &Bytes) -> Result<Opened<'_>, Refusal> {
        let Some(mut key) = key else {
            return Ok(Opened::Go(None, None));
        };
        key.update(body);
        let used = key.into_use();
        let turn = self.desk.take(&used.key).await?;
        Ok(match self.store.key(&used.key).await? {
            Some(kept) => Opened::Replay(self.replay(kept, &used).await?),
            None => Opened::Go(Some(used), Some(turn)),
        })
    }

    /// The job that the key stands for, as it is now.
    pub(super) async fn replay(&self, kept: KeptKey, used: &KeyUse) -> Result<Submitted, Refusal> {
        if kept.request != used.request {
            let detail = "this Idempotency-Key was used for another request; use a new key for a new request";
            return Err(Refusal::new(RefusalCode::KeyReused, detail));
        }
        match self.reader.job(kept.job, MAX_ROWS).await? {
            JobLookup::Found(job) => Ok(Submitted { job, replayed: true }),
            JobLookup::Gone | JobLookup::Unknown => Err(Refusal::new(
                RefusalCode::Gone,
                "the job that this Idempotency-Key made has been removed",
            )),
        }
    }

    /// A key that another process used between our look and our commit.
    pub(super) async fn replay_of(&self, kept: KeptKey, used: Option<&KeyUse>) -> Result<Submitted, Refusal> {
        let used = used.expect("only a request with a key finds it used");
        self.replay(kept, used).await
    }
}
