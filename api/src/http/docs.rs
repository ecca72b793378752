//! The specification, its pages, and a page for each problem.

use std::sync::Arc;

use poem::web::{Data, Path};
use poem::{Response, handler};

use super::problem::HttpProblem;
use crate::contract::ProblemCode;
use crate::openapi;

/// Pages that are made once.
pub(super) struct Pages {
    specification: String,
    swagger: String,
}

impl Pages {
    pub(super) fn new(document: &serde_json::Value) -> Self {
        Self {
            specification: document.to_string(),
            swagger: openapi::swagger_page(document),
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

#[handler]
pub(super) fn index() -> Response {
    page(document(
        "Census",
        "<p>Counts users and events by place.</p>\
         <ul><li><a href=\"/docs\">The API, to read and to try</a></li>\
         <li><a href=\"/openapi.json\">Its specification</a></li>\
         <li><a href=\"/jobs\">The latest jobs</a></li>\
         <li><a href=\"/readyz\">What works now</a></li></ul>",
    ))
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
fn page(html: String) -> Response {
    Response::builder()
        .content_type("text/html; charset=utf-8")
        .header(
            "content-security-policy",
            "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
             img-src 'self' data:; frame-ancestors 'none'",
        )
        .body(html)
}
