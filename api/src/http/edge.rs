//! Around every request: its id and trace, the check of its method and parameters, one line of log, and the
//! guarantee that whatever goes wrong inside leaves as a problem.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use poem::{Endpoint, IntoResponse, Request, Response};
use shared::wire::TraceContext;
use tracing::Instrument;

use super::meter::Meter;
use super::problem::HttpProblem;
use super::surface::{Occurs, Offer, Surface};
use crate::contract::ProblemCode;

/// Bytes of names and values of all headers of a request.
pub(super) const HEADER_BYTES_MAX: usize = 32 * 1024;

/// The headers that are read and hold a list.
const LISTS: [HeaderName; 4] = [
    header::ACCEPT,
    header::CONTENT_ENCODING,
    header::IF_NONE_MATCH,
    HeaderName::from_static("prefer"),
];

/// The route of what is asked at a path that is not offered.
const ELSEWHERE: &str = "unknown";

/// The outermost endpoint.
pub(super) struct Edge<E> {
    inner: E,
    surface: Surface,
    /// What was asked at paths that are not offered.
    elsewhere: Meter,
    public_url: Option<String>,
}

impl<E> Edge<E> {
    pub(super) fn new(inner: E, surface: Surface, public_url: Option<String>) -> Self {
        Self {
            inner,
            surface,
            elsewhere: Meter::new(ELSEWHERE),
            public_url,
        }
    }
}

impl<E> Endpoint for Edge<E>
where
    E: Endpoint,
    E::Output: IntoResponse,
{
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let started = Instant::now();
        let trace = trace_of(&request);
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let offer = self.surface.at(&path);
        request.extensions_mut().insert(trace);

        let span = tracing::info_span!(
            "request",
            request.id = %trace.span_id_hex(),
            trace.id = %trace.trace_id_hex()
        );
        let answer = AssertUnwindSafe(self.answer(request, offer))
            .catch_unwind()
            .instrument(span.clone())
            .await;
        let _entered = span.enter();
        let route = offer.map_or(ELSEWHERE, |offer| &offer.template);
        let as_sent = |problem: HttpProblem| problem.into_response(&path, &trace.span_id_hex().to_string());
        let mut response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(problem)) => as_sent(problem),
            Err(_) => {
                // The hook of the process has already written where it happened.
                tracing::error!(http.route = route, "a handler panicked");
                as_sent(HttpProblem::internal())
            }
        };
        if path.starts_with("/jobs") || path.starts_with("/schedules") {
            response
                .headers_mut()
                .entry(header::CACHE_CONTROL)
                .or_insert(HeaderValue::from_static("private, no-cache"));
        }
        let (status, elapsed) = (response.status(), started.elapsed());
        // Never the query or the body: they hold users.
        tracing::debug!(
            http.method = %method, http.route = route, http.status = status.as_u16(),
            duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            "request answered"
        );
        let meter = offer.map_or(&self.elsewhere, |offer| &offer.meter);
        meter.record(&method, status, elapsed);
        Ok(response)
    }
}

impl<E> Edge<E>
where
    E: Endpoint,
    E::Output: IntoResponse,
{
    async fn answer(&self, mut request: Request, offer: Option<&Offer>) -> Result<Response, HttpProblem> {
        refuse_large_headers(&request)?;
        join_lists(request.headers_mut());
        let Some(offer) = offer else {
            let detail = "There is nothing at this path; /docs shows what there is.";
            return Err(HttpProblem::new(ProblemCode::NotFound, detail));
        };
        if !offer.takes(request.method()) {
            return Err(self.method_not_allowed(&request, offer));
        }
        refuse_wrong_parameters(request.uri(), request.method(), offer)?;
        match self.inner.call(request).await {
            Ok(output) => Ok(output.into_response()),
            Err(error) => Err(HttpProblem::of(&error, &offer.template)),
        }
    }

    fn method_not_allowed(&self, request: &Request, offer: &Offer) -> HttpProblem {
        let allow = offer.allow();
        let path = request.uri().path();
        let url = format!("{}{}", self.base_url(request), path.replace('\'', "%27"));
        let line = match offer.template.as_str() {
            "/submit" => {
                format!("curl -H 'Content-Type: application/json' --data-binary @events.json '{url}'")
            }
            "/import" => format!("curl --data-binary @events.ndjson '{url}?format=ndjson'"),
            _ if allow.contains("POST") => format!("curl -X POST '{url}'"),
            _ => format!("curl '{url}'"),
        };
        let detail = format!("This path takes {allow}, not {}. Try: {line}", request.method());
        HttpProblem::new(ProblemCode::MethodNotAllowed, detail).with_header(
            header::ALLOW,
            HeaderValue::from_str(&allow).expect("names of methods are visible ASCII"),
        )
    }

    /// What the caller can put in front of a path; nothing from `Host` that a shell would read.
    fn base_url(&self, request: &Request) -> String {
        if let Some(url) = &self.public_url {
            return url.trim_end_matches('/').to_owned();
        }
        let host = request.header(header::HOST).filter(|host| {
            host.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte))
        });
        format!("http://{}", host.unwrap_or("127.0.0.1:8000"))
    }
}

/// What is larger still never gets here: `connection` answers it.
fn refuse_large_headers(request: &Request) -> Result<(), HttpProblem> {
    let headers = request.headers().iter();
    let bytes: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes <= HEADER_BYTES_MAX {
        return Ok(());
    }
    let detail = format!("The headers of a request hold at most {HEADER_BYTES_MAX} bytes.");
    Err(HttpProblem::new(ProblemCode::HeadersTooLarge, detail))
}

/// A list in several lines is one list (RFC 9110, 5.3); whoever reads a header reads one line.
fn join_lists(headers: &mut HeaderMap) {
    if headers.len() == headers.keys_len() {
        return;
    }
    for name in LISTS {
        let mut lines = headers.get_all(&name).iter();
        if lines.next().is_none() || lines.next().is_none() {
            continue;
        }
        let lines: Vec<_> = headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
        let joined = HeaderValue::from_bytes(&lines.join(&b", "[..])).expect("joined values are a value");
        headers.insert(name, joined);
    }
}

fn trace_of(request: &Request) -> TraceContext {
    request
        .header("traceparent")
        .and_then(|header| header.parse::<TraceContext>().ok())
        .map_or_else(TraceContext::generate, |caller| caller.child())
}

/// Unknown ones, and those that stand twice where only one can count.
fn refuse_wrong_parameters(uri: &Uri, method: &Method, offer: &Offer) -> Result<(), HttpProblem> {
    let (Some(query), Some(known)) = (uri.query(), offer.parameters(method)) else {
        return Ok(());
    };
    let mut seen = BTreeSet::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair
            .split_once('=')
            .map_or(pair, |(name, _)| name)
            .replace('+', " ");
        let name = percent_encoding::percent_decode_str(&name).decode_utf8_lossy();
        match known.get(name.as_ref()) {
            // A `POST` ignores `wait`: it may stay in a line that is edited from a `GET`.
            None if method == Method::POST && name == "wait" => {}
            None => return Err(unknown_parameter(&name, known)),
            Some(Occurs::Often) => {}
            Some(Occurs::Once) => {
                if !seen.insert(name.clone().into_owned()) {
                    return Err(HttpProblem::parameter(&name, "it stands more than once"));
                }
            }
        }
    }
    Ok(())
}

fn unknown_parameter(name: &str, known: &BTreeMap<String, Occurs>) -> HttpProblem {
    let reason = if known.is_empty() {
        "this path takes no parameters".to_owned()
    } else {
        let known: Vec<_> = known.keys().map(String::as_str).collect();
        format!("not known here; there are {}", known.join(", "))
    };
    HttpProblem::parameter(name, &reason)
}
