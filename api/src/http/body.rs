//! Bodies: their media type is checked, they are read within bounds of size and time, and parsed by `submit`.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use poem::http::header;
use poem::{Body, FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::problem::HttpProblem;
use super::state::{ApiState, HttpOptions};
use crate::contract::ProblemCode;

/// What is read on of a refused body: enough for a client that was near its end.
const DRAIN_BYTES_MAX: usize = 64 * 1024 * 1024;
const DRAIN_TIME_MAX: Duration = Duration::from_secs(2);

/// A JSON body of shape `T`, read but not parsed; an `OPTIONAL` one may be empty, whatever its type.
pub(super) struct JsonBody<T, const OPTIONAL: bool> {
    pub(super) bytes: Bytes,
    shape: PhantomData<fn() -> T>,
}

impl<'a, T: Type, const OPTIONAL: bool> ApiExtractor<'a> for JsonBody<T, OPTIONAL> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: "application/json",
                schema: T::schema_ref(),
            }],
            required: !OPTIONAL,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if !OPTIONAL && let Err(problem) = check_json(request) {
            return Err(refuse(request, body, problem).await);
        }
        let state = request
            .data::<Arc<ApiState>>()
            .ok_or_else(HttpProblem::internal)?;
        let bytes = read(request, body.take()?, &state.settings).await?;
        if OPTIONAL && !bytes.is_empty() {
            check_json(request)?;
        }
        Ok(Self {
            bytes,
            shape: PhantomData,
        })
    }
}

/// That there is no body. Whoever puts a filter there and is not told would act on all jobs.
pub(super) struct NoBody;

impl<'a> FromRequest<'a> for NoBody {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let UnusedBody(bytes) = <UnusedBody as FromRequest>::from_request(request, body).await?;
        if bytes.is_empty() {
            return Ok(Self);
        }
        let detail = "This request takes no body; what it takes stands in the query.";
        Err(HttpProblem::new(ProblemCode::BadRequest, detail).into())
    }
}

/// A body that means nothing: it is read, so that its client sees the answer, and belongs to the request of a key.
pub(super) struct UnusedBody(pub(super) Bytes);

impl<'a> FromRequest<'a> for UnusedBody {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let state = request
            .data::<Arc<ApiState>>()
            .ok_or_else(HttpProblem::internal)?;
        Ok(Self(read(request, body.take()?, &state.settings).await?))
    }
}

/// A body of any length, handed on as it comes.
pub(super) struct StreamedBody {
    pub(super) stream: Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>,
    pub(super) media_type: Option<mime::Mime>,
}

impl<'a> ApiExtractor<'a> for StreamedBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: "application/octet-stream",
                schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary"))),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let hint =
            "-H 'Content-Type: application/x-ndjson' (or text/csv), without Content-Encoding, in UTF-8";
        let state = request
            .data::<Arc<ApiState>>()
            .ok_or_else(HttpProblem::internal)?;
        let checked = check_stream(request, hint).and_then(|media_type| {
            let limit = state.settings.max_stream_bytes;
            if announced(request).is_some_and(|length| length > limit) {
                return Err(over_limit(limit));
            }
            Ok(media_type)
        });
        let media_type = match checked {
            Ok(media_type) => media_type,
            Err(problem) => return Err(refuse(request, body, problem).await),
        };
        Ok(Self {
            stream: Box::pin(body.take()?.into_bytes_stream()),
            media_type,
        })
    }
}

fn check_stream(request: &Request, hint: &str) -> Result<Option<mime::Mime>, HttpProblem> {
    refuse_encoding(request, hint)?;
    let media_type = request
        .content_type()
        .map(|text| parse_media_type(text, hint))
        .transpose()?;
    if media_type
        .as_ref()
        .is_some_and(|media_type| media_type.type_() == mime::MULTIPART)
    {
        return Err(unsupported("The body is multipart; send the file itself", hint));
    }
    Ok(media_type)
}

/// Hands the problem back after the client had time to send on; one that asked first sends nothing.
async fn refuse(request: &Request, body: &mut RequestBody, problem: HttpProblem) -> poem::Error {
    if request.header(header::EXPECT).is_none()
        && let Ok(body) = body.take()
    {
        drain(Box::pin(body.into_bytes_stream())).await;
    }
    problem.into()
}

/// Needs no `Content-Length`: what comes is counted.
async fn read(request: &Request, body: Body, settings: &HttpOptions) -> Result<Bytes, HttpProblem> {
    let limit = settings.max_body_bytes;
    let too_large = || {
        let detail = format!("The body is over {limit} bytes; POST /import takes long streams.");
        HttpProblem::new(ProblemCode::TooLarge, detail)
    };
    let incomplete = |detail: &str| HttpProblem::new(ProblemCode::IncompleteBody, detail);
    let mut stream = std::pin::pin!(body.into_bytes_stream());
    if announced(request).is_some_and(|length| length > limit as u64) {
        if request.header(header::EXPECT).is_none() {
            drain(stream).await;
        }
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    loop {
        match tokio::time::timeout(settings.body_timeout, stream.next()).await {
            Err(_) => {
                return Err(incomplete(
                    "No byte of the body came for too long; nothing was stored.",
                ));
            }
            Ok(None) => return Ok(bytes.freeze()),
            Ok(Some(Err(_))) => return Err(incomplete("The body broke off; nothing was stored.")),
            Ok(Some(Ok(chunk))) if bytes.len() + chunk.len() > limit => {
                drain(stream).await;
                return Err(too_large());
            }
            Ok(Some(Ok(chunk))) => bytes.extend_from_slice(&chunk),
        }
    }
}

/// How long the client says that the body is.
fn announced(request: &Request) -> Option<u64> {
    request.header(header::CONTENT_LENGTH)?.parse().ok()
}

fn over_limit(limit: u64) -> HttpProblem {
    let detail = format!("A streamed body holds at most {limit} bytes; send it in several parts.");
    HttpProblem::new(ProblemCode::TooLarge, detail)
}

/// Reads on for a while after a refusal: a connection that is closed while the client still sends is reset, and
/// the client never sees the problem.
pub(super) async fn drain(mut stream: impl Stream<Item = std::io::Result<Bytes>> + Unpin) {
    let reading = async {
        let mut drained = 0;
        while let Some(Ok(chunk)) = stream.next().await {
            drained += chunk.len();
            if drained > DRAIN_BYTES_MAX {
                break;
            }
        }
    };
    // Whether it ended or not, the answer goes out now.
    let _ = tokio::time::timeout(DRAIN_TIME_MAX, reading).await;
}

fn check_json(request: &Request) -> Result<(), HttpProblem> {
    let hint = "-H 'Content-Type: application/json', without Content-Encoding, in UTF-8";
    refuse_encoding(request, hint)?;
    let Some(text) = request.content_type() else {
        return Err(unsupported("The body has no media type", hint));
    };
    let media_type = parse_media_type(text, hint)?;
    if media_type.essence_str() == "application/json" {
        Ok(())
    } else {
        Err(unsupported("The body is not declared as JSON", hint))
    }
}

fn refuse_encoding(request: &Request, hint: &str) -> Result<(), HttpProblem> {
    match request.header(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.eq_ignore_ascii_case("identity") => {
            Err(unsupported("The body is encoded", hint))
        }
        _ => Ok(()),
    }
}

fn parse_media_type(text: &str, hint: &str) -> Result<mime::Mime, HttpProblem> {
    let media_type: mime::Mime = text
        .parse()
        .map_err(|_| unsupported("The media type of the body cannot be read", hint))?;
    match media_type.get_param(mime::CHARSET) {
        Some(charset) if charset != mime::UTF_8 => {
            Err(unsupported("The body is not declared as UTF-8", hint))
        }
        _ => Ok(media_type),
    }
}

pub(super) fn unsupported(what: &str, hint: &str) -> HttpProblem {
    let detail = format!("{what}. Send it with {hint}.");
    HttpProblem::new(ProblemCode::UnsupportedMediaType, detail)
}
