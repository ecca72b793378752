//! The store behind the submitter under test: records what is asked of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use shared::dispatch::DispatchHandle;
use shared::job::{IdempotencyKey, JobFilter, JobId, JobState, ReportRow};
use shared::mail::AllowedRecipients;
use shared::ports::{
    AcceptStore, Accepted, CancelOutcome, Clock, DeleteOutcome, InputChunk, JobControl, JobLookup, JobPage,
    JobReader, KeptKey, NewJob, NewRetry, RejectRecord, RetryOutcome, StoreError, StoredReject, UploadId,
};
use shared::time::Timestamp;

use super::super::{IntakeLimits, Submitter};

pub(super) type Staged = (UploadId, Vec<InputChunk>, Vec<RejectRecord>);

#[derive(Default)]
pub(super) struct Recording {
    pub(super) staged: Mutex<Vec<Staged>>,
    pub(super) accepted: Mutex<Vec<NewJob>>,
    pub(super) discarded: Mutex<Vec<UploadId>>,
    pub(super) fail_accept: Mutex<Option<StoreError>>,
}

#[async_trait]
impl AcceptStore for Recording {
    async fn stage(
        &self,
        upload: UploadId,
        chunks: Vec<InputChunk>,
        rejects: Vec<RejectRecord>,
    ) -> Result<(), StoreError> {
        self.staged.lock().unwrap().push((upload, chunks, rejects));
        Ok(())
    }

    async fn accept(&self, job: NewJob) -> Result<Accepted, StoreError> {
        if let Some(error) = self.fail_accept.lock().unwrap().take() {
            return Err(error);
        }
        let view = job.accepted(1);
        self.accepted.lock().unwrap().push(job);
        Ok(Accepted::Made(Box::new(view)))
    }

    async fn key(&self, _: &IdempotencyKey) -> Result<Option<KeptKey>, StoreError> {
        Ok(None)
    }

    async fn discard(&self, upload: UploadId) -> Result<(), StoreError> {
        self.discarded.lock().unwrap().push(upload);
        Ok(())
    }

    async fn sweep_uploads(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}

/// Controls no job.
#[async_trait]
impl JobControl for Recording {
    async fn cancel(&self, _: JobId) -> Result<CancelOutcome, StoreError> {
        Ok(CancelOutcome::Unknown)
    }
    async fn retry(&self, _: NewRetry) -> Result<RetryOutcome, StoreError> {
        Ok(RetryOutcome::Unknown)
    }
    async fn delete(&self, _: JobId) -> Result<DeleteOutcome, StoreError> {
        Ok(DeleteOutcome::Unknown)
    }
}

/// Knows no job.
#[async_trait]
impl JobReader for Recording {
    async fn job(&self, _: JobId, _: usize) -> Result<JobLookup, StoreError> {
        Ok(JobLookup::Unknown)
    }
    async fn list(&self, _: &JobFilter, _: Option<i64>, _: usize) -> Result<JobPage, StoreError> {
        Ok(JobPage::default())
    }
    async fn rejects(&self, _: JobId, _: u64, _: usize) -> Result<Vec<StoredReject>, StoreError> {
        Ok(Vec::new())
    }
    async fn report_rows(&self, _: JobId, _: u64, _: usize) -> Result<Vec<ReportRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn unknown(&self, ids: &[JobId]) -> Result<Vec<JobId>, StoreError> {
        Ok(ids.to_vec())
    }
    async fn open_jobs(&self) -> Result<Vec<(&'static str, JobState, u64)>, StoreError> {
        Ok(Vec::new())
    }
    fn epoch(&self) -> u64 {
        1
    }
}

struct StoppedClock;

impl Clock for StoppedClock {
    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }
    fn boot_ms(&self) -> i64 {
        0
    }
}

pub(super) fn submitter() -> (Arc<Recording>, Submitter) {
    let store = Arc::new(Recording::default());
    let limits = IntakeLimits {
        max_events: 10_000,
        max_stream_bytes: 8 * 1024 * 1024,
        max_line_bytes: 64 * 1024,
        body_timeout: Duration::from_millis(50),
        max_text: 200,
        recipients: AllowedRecipients::default(),
    };
    let submitter = Submitter::new(
        store.clone(),
        store.clone(),
        store.clone(),
        DispatchHandle::default(),
        Arc::new(StoppedClock),
        limits,
    );
    (store, submitter)
}
