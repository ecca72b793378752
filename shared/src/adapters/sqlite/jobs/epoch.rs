//! The epoch: rises with the first start under another boot, flushed before anything is answered (P2, P8).

use rusqlite::{Connection, OptionalExtension};

use super::{Fault, Write, Writer};
use crate::ports::StoreError;

/// Enters this boot and returns the epoch.
///
/// After another boot no boot-clock value means anything: every lease has lapsed, every back-off is over, and
/// what was sent may be lost.
pub(super) async fn enter(writer: &Writer, boot_id: String) -> Result<u64, StoreError> {
    let entered = writer.write(Write::flushed("enter the boot"), move |connection| {
        let known: Option<String> = meta(connection, "boot_id")?;
        let epoch: i64 = meta(connection, "epoch")?.unwrap_or(0);
        if known.as_deref() == Some(boot_id.as_str()) {
            return Ok(epoch);
        }
        connection.execute_batch(
            "UPDATE tasks SET due_boot_ms = 0, sent_boot_ms = NULL WHERE state = 'queued';
             UPDATE tasks SET lease_until_boot_ms = 0 WHERE state = 'leased';
             UPDATE jobs SET progress_boot_ms = 0 WHERE state IN ('queued', 'running', 'cancelling');
             UPDATE inputs SET lease_until_boot_ms = 0 WHERE upload IS NOT NULL;
             DELETE FROM duties;",
        )?;
        let set = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
        connection.execute(set, ("boot_id", &boot_id))?;
        connection.execute(set, ("epoch", epoch + 1))?;
        Ok(epoch + 1)
    });
    let epoch = entered
        .await
        .map_err(|fault: Fault| fault.into_store_error("enter the boot"))?;
    Ok(epoch.unsigned_abs())
}

fn meta<T: rusqlite::types::FromSql>(connection: &Connection, key: &str) -> Result<Option<T>, Fault> {
    let value = connection
        .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
        .optional()?;
    Ok(value)
}
