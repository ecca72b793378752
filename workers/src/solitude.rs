//! A task whose process has vanished once runs alone from then on, so that its next death is its own (P13).

use std::sync::Arc;

use shared::ports::{AttemptStore, Claimed, StoreError};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The company that attempts of one process keep, whatever their role.
pub(crate) struct Solitude {
    store: Arc<dyn AttemptStore>,
    /// Fair: who waits to be alone is not overtaken for ever.
    company: RwLock<()>,
}

/// Held while the handler works.
pub(crate) enum Company<'a> {
    /// Others may work beside it.
    Shared { _others: RwLockReadGuard<'a, ()> },
    /// Nothing else does.
    Alone { _nobody: RwLockWriteGuard<'a, ()> },
}

impl Solitude {
    pub(crate) fn new(store: Arc<dyn AttemptStore>) -> Self {
        Self {
            store,
            company: RwLock::new(()),
        }
    }

    /// Lets attempts that no process vanished with work beside others; `None` when that is to be waited for.
    pub(crate) fn try_join(&self) -> Option<Company<'_>> {
        let _others = self.company.try_read().ok()?;
        Some(Company::Shared { _others })
    }

    /// Waits until the attempt may work; `None` when its lease was lost meanwhile. Cancel-safe.
    ///
    /// # Errors
    /// Any fault of the store.
    pub(crate) async fn enter(&self, claimed: &Claimed) -> Result<Option<Company<'_>>, StoreError> {
        if claimed.deaths == 0 {
            let _others = self.company.read().await;
            return Ok(Some(Company::Shared { _others }));
        }
        let _nobody = self.company.write().await;
        if claimed.deaths > 1 {
            tracing::warn!(
                deaths = claimed.deaths,
                "a task that processes vanished with, once when it was alone, runs alone again"
            );
        }
        let ours = self.store.run_alone(claimed.lease).await?;
        Ok(ours.then_some(Company::Alone { _nobody }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use async_trait::async_trait;
    use shared::job::{Lease, TaskRef, WorkerId};
    use shared::ports::{AttemptEnd, Finished, Heartbeat, HeartbeatOutcome, InputChunk, RecordMark};
    use shared::testing::job_store::build;
    use tokio::time::timeout;

    use super::*;

    /// Counts who runs alone; lets nobody do so whose lease has token 0.
    #[derive(Default)]
    struct Notes(AtomicU32);

    #[async_trait]
    impl AttemptStore for Notes {
        async fn claim(&self, _: Vec<TaskRef>, _: &WorkerId) -> Result<Vec<Claimed>, StoreError> {
            Ok(Vec::new())
        }
        async fn heartbeat(&self, _: Vec<Heartbeat>) -> Result<Vec<HeartbeatOutcome>, StoreError> {
            Ok(Vec::new())
        }
        async fn run_alone(&self, lease: Lease) -> Result<bool, StoreError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(lease.token > 0)
        }
        async fn input(&self, _: TaskRef, _: u32) -> Result<Option<InputChunk>, StoreError> {
            Ok(None)
        }
        async fn finish(&self, _: Arc<[AttemptEnd]>) -> Result<Vec<Finished>, StoreError> {
            Ok(Vec::new())
        }
        async fn log_marks(&self) -> Result<Vec<RecordMark>, StoreError> {
            Ok(Vec::new())
        }
        async fn forget_log_marks(&self) -> Result<(), StoreError> {
            Ok(())
        }
    }

    fn claimed(deaths: u32, token: i64) -> Claimed {
        let mut claimed = build::claimed();
        (claimed.deaths, claimed.lease.token) = (deaths, token);
        claimed
    }

    #[tokio::test(start_paused = true)]
    async fn p13_a_suspect_works_when_nobody_else_does() {
        let notes = Arc::new(Notes::default());
        let solitude = Solitude::new(Arc::clone(&notes) as _);
        let (plain, suspect) = (claimed(0, 1), claimed(1, 1));
        let patience = Duration::from_secs(60);
        let first = solitude.enter(&plain).await.unwrap().unwrap();
        let second = solitude.enter(&plain).await.unwrap().unwrap();
        assert!(timeout(patience, solitude.enter(&suspect)).await.is_err());
        drop((first, second));
        assert_eq!(notes.0.load(Ordering::SeqCst), 0, "who waits is not alone yet");
        let alone = solitude.enter(&suspect).await.unwrap().unwrap();
        assert_eq!(notes.0.load(Ordering::SeqCst), 1);
        assert!(timeout(patience, solitude.enter(&plain)).await.is_err());
        drop(alone);
        assert!(solitude.enter(&plain).await.unwrap().is_some());
        let lost = solitude.enter(&claimed(1, 0)).await.unwrap();
        assert!(lost.is_none(), "its lease was lost while it waited");
    }
}
