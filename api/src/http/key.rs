//! The header `Idempotency-Key`, on every `POST` that makes a job.

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use shared::job::{IdempotencyKey, KeyFault};

use super::problem::HttpProblem;
use crate::contract::ProblemCode;
use crate::submit::RequestKey;

const NAME: &str = "Idempotency-Key";
/// 1 to 255 visible characters, bare or as a quoted string (RFC 8941).
const PATTERN: &str = r#"^([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")$"#;

/// The key as it was sent, with the head of its request. A bad one is refused once the body was read: who is
/// still sending would not see the answer.
pub(super) struct KeyHeader {
    key: Result<Option<IdempotencyKey>, HttpProblem>,
    method: String,
    path: String,
    media_type: String,
}

impl KeyHeader {
    /// The key of a request whose format its media type says.
    ///
    /// # Errors
    /// `400 bad_key`.
    pub(super) fn read(self) -> Result<Option<RequestKey>, HttpProblem> {
        self.with_format("")
    }

    /// The key of a request whose format was told in some other way.
    ///
    /// # Errors
    /// `400 bad_key`.
    pub(super) fn with_format(self, format: &str) -> Result<Option<RequestKey>, HttpProblem> {
        let head = [&self.method, &self.path, format, &self.media_type];
        Ok(self.key?.map(|key| RequestKey::new(key, &head)))
    }
}

impl<'a> ApiExtractor<'a> for KeyHeader {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = String;
    type ParamRawType = String;

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        let mut schema = MetaSchema::new("string");
        schema.pattern = Some(PATTERN.to_owned());
        Some(MetaSchemaRef::Inline(Box::new(schema)))
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<String>,
    ) -> poem::Result<Self> {
        let media_type = request.content_type().unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        Ok(Self {
            key: key_of(request),
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            media_type: essence.to_ascii_lowercase(),
        })
    }
}

fn key_of(request: &Request) -> Result<Option<IdempotencyKey>, HttpProblem> {
    let bad = |why: String| {
        let detail = format!("The header {NAME} is no key: {why}. It has 1 to 255 visible ASCII characters.");
        HttpProblem::new(ProblemCode::BadKey, detail)
    };
    let mut values = request.headers().get_all(NAME).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(bad("it stands more than once".to_owned()));
    }
    let text = value
        .to_str()
        .map_err(|_| bad(KeyFault::NotVisible.to_string()))?;
    text.parse()
        .map(Some)
        .map_err(|fault: KeyFault| bad(fault.to_string()))
}
