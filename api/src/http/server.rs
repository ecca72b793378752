//! Before step 1: connections are taken and hyper reads requests from them for the endpoint.
//!
//! poem's own server leaves hyper without a limit on the time that the head of a request may take.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::edge::HEADER_BYTES_MAX;

/// For the head of a request, the pause before it on an open connection included: longer than the 90 s after which
/// usual clients give an idle connection up, so that they are the ones who close it.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);
/// The pause after the system refused a connection: it has no file descriptor left, and soon may have one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown`, then lets what was begun end within `grace`.
pub(crate) async fn serve<E>(listener: TcpListener, endpoint: E, shutdown: CancellationToken, grace: Duration)
where
    E: Endpoint<Output = Response> + 'static,
{
    let endpoint = Arc::new(endpoint);
    let local = listener
        .local_addr()
        .map_or(LocalAddr::default(), |address| LocalAddr(address.into()));
    let protocol = protocol();
    let connections = GracefulShutdown::new();
    let cut = CancellationToken::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, RemoteAddr(peer.into())),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (endpoint, local) = (Arc::clone(&endpoint), local.clone());
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let endpoint = Arc::clone(&endpoint);
            let request = Request::from((request, local.clone(), peer.clone(), Scheme::HTTP));
            async move { Ok::<hyper::Response<_>, Infallible>(endpoint.get_response(request).await.into()) }
        });
        let connection = protocol.serve_connection(io(stream), service).into_owned();
        let connection = connections.watch(connection);
        let cut = cut.clone();
        tokio::spawn(async move {
            if let Some(Err(error)) = cut.run_until_cancelled(connection).await {
                tracing::debug!(error = &*error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(grace, connections.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off: they had not ended in time");
    }
    cut.cancel();
}

fn io(stream: TcpStream) -> TokioIo<Connection<TcpStream>> {
    // An answer in two parts else waits for the client's acknowledgement of the first.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection stays with Nagle's algorithm");
    }
    TokioIo::new(Connection::new(stream, HEAD_TIMEOUT))
}

fn protocol() -> auto::Builder<TokioExecutor> {
    let mut protocol = auto::Builder::new(TokioExecutor::new());
    protocol
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    protocol
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_TIMEOUT)
        // Over what the edge takes, so that it is the edge that answers.
        .max_header_list_size(8 * HEADER_BYTES_MAX as u32);
    protocol
}

#[cfg(test)]
mod tests;
