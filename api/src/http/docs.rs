//! The specification, its pages, and a page for each problem.

use std::sync::Arc;

use bytes::Bytes;
use poem::http::{StatusCode, header};
use poem::web::{Data, Path};
use poem::{Body, IntoResponse, Request, Response, handler};

use super::problem::HttpProblem;
use crate::contract::ProblemCode;
use crate::openapi;

/// Pages that are made once.
pub(super) struct Pages {
    specification: Bytes,
    swagger: Bytes,
}

impl Pages {
    pub(super) fn new(document: &serde_json::Value) -> Self {
        Self {
            specification: document.to_string().into(),
            swagger: openapi::page(document).into(),
        }
    }
}

#[handler]
pub(super) fn specification(Data(pages): Data<&Arc<Pages>>) -> Response {
    Response::builder()
        .content_type("application/json")
        .body(pages.specification.clone())
}

#[handler]
pub(super) fn swagger(Data(pages): Data<&Arc<Pages>>) -> Response {
    page(pages.swagger.clone())
}

/// Where things are, for a terminal.
const INDEX: &str = "Census counts users and events by place.\n\n\
                     /docs          the API, to read and to try\n\
                     /openapi.json  its specification\n\
                     /jobs          the latest jobs\n\
                     /readyz        what works now\n";

/// A browser is led to the page that it can use; who asks from a terminal is told where things are.
#[handler]
pub(super) fn index(request: &Request) -> Response {
    let accept = request.header(header::ACCEPT).unwrap_or_default();
    let response = if accept.contains("text/html") {
        Response::builder()
            .status(StatusCode::FOUND)
            .header(header::LOCATION, "/docs")
            .finish()
    } else {
        Response::builder()
            .content_type("text/plain; charset=utf-8")
            .body(INDEX)
    };
    response.with_header(header::VARY, "Accept").into_response()
}

#[handler]
pub(super) fn problem(Path(name): Path<String>) -> poem::Result<Response> {
    let Some(code) = ProblemCode::from_name(&name) else {
        return Err(HttpProblem::new(ProblemCode::NotFound, "No problem has this code.").into());
    };
    let retry = if code.is_retryable() {
        "The same request may succeed later."
    } else {
        "The same request will not succeed later."
    };
    let body = format!(
        "<p>Code <code>{}</code>, status {}.</p><p>{}</p><p>{retry}</p>",
        code.as_str(),
        code.status(),
        code.page()
    );
    Ok(page(document(code.title(), &body)))
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
         <body><h1>{title}</h1>{body}</body></html>\n"
    )
}

/// The policy keeps every page, Swagger's too, from loading anything from elsewhere.
fn page(html: impl Into<Body>) -> Response {
    Response::builder()
        .content_type("text/html; charset=utf-8")
        .header(
            "content-security-policy",
            "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
             img-src 'self' data:; frame-ancestors 'none'",
        )
        .body(html.into())
}
