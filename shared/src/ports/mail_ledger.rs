//! Who has got which mail, so that a further try leaves them out.

use async_trait::async_trait;

use super::StoreError;
use crate::job::{JobId, Lease};
use crate::mail::MailAddress;

/// Keeps the recipients for whom a server has taken a report's mail, with the root of its retries: a retry sends to
/// the others only.
#[async_trait]
pub trait MailLedger: Send + Sync {
    /// Those who have got the mail of this root.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn mailed(&self, root: JobId) -> Result<Vec<MailAddress>, StoreError>;

    /// Notes, flushed, that they have got it, which is true whoever holds the task by now; `false` when the lease is no
    /// longer ours.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn note_mailed(&self, lease: Lease, recipients: Vec<MailAddress>) -> Result<bool, StoreError>;
}
