//! Long answers are read page by page while they are sent, so that no answer is held in memory.

use std::future::Future;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use poem::Body;
use shared::ports::StoreError;

/// Rows that are read at a time.
pub(super) const PAGE: usize = 1_000;

/// One page on its way into the body.
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    pub(super) first: bool,
    pub(super) last: bool,
}

/// A body of all pages; `load` reads the one from an offset on, `write` renders it. The first page is read
/// before this returns, so that a fault of the store still becomes a problem; a later one breaks the body off.
pub(super) async fn paged<T, L, F, W>(load: L, write: W) -> Result<Body, StoreError>
where
    T: Send + 'static,
    L: Fn(u64) -> F + Send + 'static,
    F: Future<Output = Result<Vec<T>, StoreError>> + Send,
    W: Fn(Page<T>) -> Vec<u8> + Send + 'static,
{
    let rows = load(0).await?;
    let first = Page {
        last: rows.len() < PAGE,
        rows,
        first: true,
    };
    let following = (!first.last).then_some(PAGE as u64);
    let head = write(first);
    let rest = stream::try_unfold((following, load, write), |(offset, load, write)| async move {
        let Some(offset) = offset else { return Ok(None) };
        let rows = load(offset).await.inspect_err(|error| {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the store failed while an answer was sent; the answer is broken off"
            );
        })?;
        let page = Page {
            last: rows.len() < PAGE,
            rows,
            first: false,
        };
        let following = (!page.last).then_some(offset + PAGE as u64);
        Ok::<_, StoreError>(Some((write(page), (following, load, write))))
    });
    let pages = stream::once(async { Ok(head) }).chain(rest);
    Ok(Body::from_bytes_stream(pages.map(|page| {
        page.map(Bytes::from).map_err(std::io::Error::other)
    })))
}
