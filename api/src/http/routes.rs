//! Every path of the service, in one list.

use std::sync::Arc;

use poem::{Endpoint, EndpointExt, IntoEndpoint, Request, Response, Route, get};

use super::docs::{self, Pages};
use super::edge::Edge;
use super::operations;
use super::state::ApiState;
use super::surface::Surface;
use crate::openapi;

/// The service over this state.
#[must_use]
pub fn routes(state: Arc<ApiState>) -> impl Endpoint<Output = Response> {
    let document = openapi::document();
    let public_url = state.settings.public_url.clone();
    let pages = Route::new()
        .at("/", get(docs::index))
        .at("/docs", get(docs::swagger))
        .at("/openapi.json", get(docs::specification))
        .at("/problems/:code", get(docs::problem))
        .at("/healthz", get(operations::healthz))
        .at("/readyz", get(operations::readyz))
        .at("/metrics", get(operations::metrics))
        .data(Arc::new(Pages::new(&document)));
    let paths = Paths {
        specified: openapi::service().into_endpoint(),
        pages,
    };
    Edge::new(paths.data(state), Surface::new(&document), public_url)
}

/// The operations of the specification and the pages beside them. It is no `Route` of poem: to be matched and boxed
/// once more costs an accept a thirtieth of its processor time (measured).
struct Paths<S, P> {
    specified: S,
    pages: P,
}

impl<S, P> Endpoint for Paths<S, P>
where
    S: Endpoint<Output = Response>,
    P: Endpoint<Output = Response>,
{
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        match request.uri().path().split('/').nth(1) {
            Some("" | "docs" | "openapi.json" | "problems" | "healthz" | "readyz" | "metrics") => {
                self.pages.call(request).await
            }
            _ => self.specified.call(request).await,
        }
    }
}
