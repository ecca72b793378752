//! Step 2, a streamed body: received piece by piece, no faster than it can be staged.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use shared::ports::KeyUse;

use super::key::RequestKey;
use super::staging::Staging;
use super::{ImportFormat, IntakeLimits};
use crate::intake::BlockReader;
use crate::refusal::{Refusal, RefusalCode};

/// Bytes that are read before what came of them is staged: bounds memory whatever the sender's pieces.
const PIECE_BYTES: usize = 64 * 1024;

/// Reads the body to its end into `staging`, and tells the key of it.
///
/// # Errors
/// The refusal of the whole body.
pub(super) async fn receive<S>(
    format: ImportFormat,
    mut body: S,
    limits: &IntakeLimits,
    staging: &mut Staging<'_>,
    mut key: Option<&mut RequestKey>,
) -> Result<(), Refusal>
where
    S: Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
{
    let mut reader = BlockReader::new(format, limits.max_line_bytes, limits.max_text);
    let mut left_bytes = limits.max_stream_bytes;
    while let Some(bytes) = next(&mut body, limits, &mut left_bytes).await? {
        if let Some(key) = &mut key {
            key.update(&bytes);
        }
        for from in (0..bytes.len()).step_by(PIECE_BYTES) {
            let to = bytes.len().min(from + PIECE_BYTES);
            reader.feed(&bytes.slice(from..to))?;
            while let Some(records) = reader.relieve().await {
                staging.add_all(records).await?;
            }
        }
        // Also where nothing was read: it keeps what is staged alive.
        staging.relieve().await?;
    }
    reader.finish()?;
    while let Some(records) = reader.next().await {
        staging.add_all(records).await?;
    }
    Ok(())
}

/// Reads a body whose key was used, only to tell whether it is the same request.
///
/// # Errors
/// The refusal of the whole body.
pub(super) async fn digest<S>(
    mut body: S,
    limits: &IntakeLimits,
    mut key: RequestKey,
) -> Result<KeyUse, Refusal>
where
    S: Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
{
    let mut left_bytes = limits.max_stream_bytes;
    while let Some(bytes) = next(&mut body, limits, &mut left_bytes).await? {
        key.update(&bytes);
    }
    Ok(key.into_use())
}

async fn next<S>(body: &mut S, limits: &IntakeLimits, left_bytes: &mut u64) -> Result<Option<Bytes>, Refusal>
where
    S: Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
{
    let (code, detail) = match tokio::time::timeout(limits.body_timeout, body.next()).await {
        Ok(None) => return Ok(None),
        Ok(Some(Ok(bytes))) => match left_bytes.checked_sub(bytes.len() as u64) {
            Some(left) => {
                *left_bytes = left;
                return Ok(Some(bytes));
            }
            None => (
                RefusalCode::TooLarge,
                format!("a streamed body holds at most {} bytes", limits.max_stream_bytes),
            ),
        },
        Ok(Some(Err(_))) => (
            RefusalCode::IncompleteBody,
            "the body broke off; nothing was stored".to_owned(),
        ),
        Err(_) => (
            RefusalCode::IncompleteBody,
            format!(
                "no byte of the body came for {} s; nothing was stored",
                limits.body_timeout.as_secs()
            ),
        ),
    };
    Err(Refusal::new(code, detail))
}
