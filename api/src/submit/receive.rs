//! Step 2, a streamed body: received piece by piece, no faster than it can be staged.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use super::staging::Staging;
use super::{ImportFormat, IntakeLimits};
use crate::intake::RecordReader;
use crate::refusal::{Refusal, RefusalCode};

/// Bytes that are read before what came of them is staged: bounds memory whatever the sender's pieces.
const PIECE_BYTES: usize = 64 * 1024;

/// Reads the body to its end into `staging`.
///
/// # Errors
/// The refusal of the whole body.
pub(super) async fn receive<S>(
    format: ImportFormat,
    mut body: S,
    limits: &IntakeLimits,
    staging: &mut Staging<'_>,
) -> Result<(), Refusal>
where
    S: Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
{
    let mut reader = RecordReader::new(format, limits.max_line_bytes, limits.max_text);
    let mut records = Vec::new();
    let mut received_bytes = 0_u64;
    while let Some(bytes) = next(&mut body, limits).await? {
        received_bytes += bytes.len() as u64;
        if received_bytes > limits.max_stream_bytes {
            let detail = format!("a streamed body holds at most {} bytes", limits.max_stream_bytes);
            return Err(Refusal::new(RefusalCode::TooLarge, detail));
        }
        for piece in bytes.chunks(PIECE_BYTES) {
            reader.feed(piece, &mut records)?;
            records.drain(..).for_each(|record| staging.add(record));
            staging.relieve().await?;
        }
    }
    reader.finish(&mut records)?;
    records.drain(..).for_each(|record| staging.add(record));
    Ok(())
}

async fn next<S>(body: &mut S, limits: &IntakeLimits) -> Result<Option<Bytes>, Refusal>
where
    S: Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
{
    let detail = match tokio::time::timeout(limits.body_timeout, body.next()).await {
        Ok(None) => return Ok(None),
        Ok(Some(Ok(bytes))) => return Ok(Some(bytes)),
        Ok(Some(Err(_))) => "the body broke off; nothing was stored".to_owned(),
        Err(_) => format!(
            "no byte of the body came for {} s; nothing was stored",
            limits.body_timeout.as_secs()
        ),
    };
    Err(Refusal::new(RefusalCode::IncompleteBody, detail))
}
