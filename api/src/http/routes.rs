//! Every path of the service, in one list.

use std::sync::Arc;

use poem::{Endpoint, EndpointExt, IntoEndpoint, Response, Route, get};

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
    let pages = Arc::new(Pages::new(&document));
    let public_url = state.settings.public_url.clone();
    let specified = Arc::new(openapi::service().into_endpoint());
    let inner = Route::new()
        .at("/", get(docs::index))
        .at("/docs", get(docs::swagger))
        .at("/openapi.json", get(docs::specification))
        .at("/problems/:code", get(docs::problem))
        .at("/healthz", get(operations::healthz))
        .at("/readyz", get(operations::readyz))
        .at("/metrics", get(operations::metrics))
        .nest_no_strip("/submit", Arc::clone(&specified))
        .nest_no_strip("/import", Arc::clone(&specified))
        .nest_no_strip("/report", Arc::clone(&specified))
        .nest_no_strip("/schedules", Arc::clone(&specified))
        .nest_no_strip("/jobs", specified)
        .data(pages)
        .data(state);
    Edge::new(inner, Surface::new(&document), public_url)
}
