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
        tracing::warn!(
            deaths = claimed.deaths,
            "a task that processes vanished with runs alone"
        );
        let ours = self.store.run_alone(claimed.lease).await?;
        Ok(ours.then_some(Company::Alone { _nobody }))
    }
}
