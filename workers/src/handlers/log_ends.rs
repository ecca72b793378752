//! The log's ends, asked for once for all reports that wait for an answer.

use std::sync::Arc;

use shared::ports::{EventLog, LogError, PartitionEnd};
use tokio::sync::Mutex;

/// Shares questions for the ends between reports.
pub(super) struct LogEnds {
    log: Arc<dyn EventLog>,
    /// The last answer, with the number of the question.
    asked: Mutex<(u64, Vec<PartitionEnd>)>,
    next: std::sync::atomic::AtomicU64,
}

impl LogEnds {
    pub(super) fn new(log: Arc<dyn EventLog>) -> Self {
        Self {
            log,
            asked: Mutex::default(),
            next: std::sync::atomic::AtomicU64::new(1),
        }
    }

    /// Ends of a question that began after this call did (P21): an older answer could miss what the caller knows
    /// to be in the log.
    pub(super) async fn after_now(&self) -> Result<Vec<PartitionEnd>, LogError> {
        use std::sync::atomic::Ordering::SeqCst;
        let mine = self.next.fetch_add(1, SeqCst);
        let mut asked = self.asked.lock().await;
        let (answered, ends) = &*asked;
        if *answered >= mine {
            return Ok(ends.clone());
        }
        // Everyone who has come by now waits for the lock, and is served by this question.
        let serves = self.next.load(SeqCst) - 1;
        let ends = self.log.ends().await?;
        *asked = (serves, ends.clone());
        Ok(ends)
    }
}
