//! A connection below hyper: what hyper answers by itself, with an empty body, leaves as a problem.
//!
//! hyper refuses what it cannot read as a request before the endpoint hears of it, and has no hook for that.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use shared::wire::TraceContext;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::json;
use crate::contract::{Problem, ProblemCode};

/// Bytes that hyper wants before it knows which version of HTTP is spoken, and from which on it keeps the time itself.
const PREFACE: usize = 24;
/// Longer than any head that hyper writes by itself.
const OWN_HEAD_MAX: usize = 256;
/// Read and dropped after a refusal: a client that is still sending would else lose the answer to a reset.
const DRAIN_BYTES_MAX: usize = 4 * 1024 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// The stream that hyper reads and writes.
pub(super) struct Connection<S> {
    stream: S,
    opening: Option<Opening>,
    /// Whether the last write was cut short, so that the next one begins in the midst of an answer.
    midway: bool,
    refusal: Option<Refusal>,
}

struct Opening {
    read: usize,
    timeout: Pin<Box<Sleep>>,
}

struct Refusal {
    unsent: Bytes,
    /// Begins once all is sent.
    drain: Option<Drain>,
}

struct Drain {
    bytes: usize,
    timeout: Pin<Box<Sleep>>,
}

impl<S> Connection<S> {
    /// `timeout` is for the first bytes.
    pub(super) fn new(stream: S, timeout: Duration) -> Self {
        Self {
            stream,
            opening: Some(Opening {
                read: 0,
                timeout: Box::pin(tokio::time::sleep(timeout)),
            }),
            midway: false,
            refusal: None,
        }
    }

    /// Takes over when this write is an answer of hyper's own.
    fn refuses(&mut self, write: &[u8]) -> bool {
        if self.midway || self.refusal.is_some() {
            return false;
        }
        let Some(unsent) = problem_instead(write) else {
            return false;
        };
        self.refusal = Some(Refusal { unsent, drain: None });
        true
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let filled = buf.filled().len();
        let outcome = Pin::new(&mut this.stream).poll_read(cx, buf);
        if let Some(opening) = &mut this.opening {
            opening.read += buf.filled().len() - filled;
            if opening.read >= PREFACE {
                this.opening = None;
            } else if outcome.is_pending() && opening.timeout.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.refuses(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, buf))?;
        this.opening = None;
        this.midway = written < buf.len();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if let [head] = bufs
            && this.refuses(head)
        {
            return Poll::Ready(Ok(head.len()));
        }
        let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, bufs))?;
        this.opening = None;
        this.midway = written < bufs.iter().map(|buf| buf.len()).sum();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(Refusal { unsent, .. }) = &mut this.refusal {
            while unsent.has_remaining() {
                let written = ready!(Pin::new(&mut this.stream).poll_write(cx, unsent))?;
                unsent.advance(written);
            }
        }
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        let this = &mut *self;
        let Some(refusal) = &mut this.refusal else {
            return Pin::new(&mut this.stream).poll_shutdown(cx);
        };
        if refusal.drain.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        let drain = refusal.drain.get_or_insert_with(|| Drain {
            bytes: 0,
            timeout: Box::pin(tokio::time::sleep(DRAIN_TIMEOUT)),
        });
        drain.poll(&mut this.stream, cx).map(Ok)
    }
}

impl Drain {
    /// Reads until the client closes too, but neither for long nor for ever.
    fn poll<S: AsyncRead + Unpin>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 8 * 1024];
        while self.bytes < DRAIN_BYTES_MAX && self.timeout.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => self.bytes += buf.filled().len(),
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(())
    }
}

/// The same answer with a problem for a body, when this is a whole one that hyper made by itself: every error of the
/// endpoint has a body, and no other write begins with a head.
fn problem_instead(write: &[u8]) -> Option<Bytes> {
    if write.len() > OWN_HEAD_MAX {
        return None;
    }
    let head = std::str::from_utf8(write).ok()?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?;
    let (code, detail) = match status {
        "400" => (
            ProblemCode::BadRequest,
            "This is no request of HTTP/1.1: its first line, or one of its headers, cannot be read.",
        ),
        "414" => (ProblemCode::UriTooLong, ProblemCode::UriTooLong.page()),
        "431" => (
            ProblemCode::HeadersTooLarge,
            "A request has at most 100 headers, which hold at most 32768 bytes.",
        ),
        _ => return None,
    };
    let (before, after) = head.strip_suffix("\r\n")?.split_once("content-length: 0\r\n")?;
    let request_id = TraceContext::generate().span_id_hex().to_string();
    tracing::debug!(
        request.id = %request_id,
        http.status = code.status(),
        "what is no request was refused"
    );
    let problem = Problem {
        request_id: Some(request_id),
        ..Problem::new(code, detail)
    };
    let body = json::text(&problem);
    let length = body.len();
    let answer = format!(
        "{before}content-type: application/problem+json\r\ncontent-length: {length}\r\n{after}\r\n{body}"
    );
    Some(answer.into())
}
