//! `GET /jobs/{id}/rejects`.

use std::sync::Arc;

use poem::web::Data;
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::{Header, Path};
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::{ApiResponse, OpenApi};
use shared::ports::StoredReject;
use shared::wire::{csv, harmless};

use super::media_range::preferred;
use super::pages::{PAGE, Page, paged};
use super::problem::{HttpProblem, found};
use super::query::JobRef;
use super::result::vary_accept;
use super::state::ApiState;
use crate::contract::Reject;
use crate::openapi::Tag;

/// Reading of rejects.
pub(crate) struct RejectsApi;

#[OpenApi(tag = "Tag::Jobs")]
impl RejectsApi {
    /// List the records of a job that were refused
    ///
    /// One for each record, with its first fault, in the order of the input. At most 100,000 are kept.
    /// Empty when there is none.
    #[oai(path = "/jobs/:id/rejects", method = "get", operation_id = "listJobRejects")]
    async fn rejects(
        &self,
        state: Data<&Arc<ApiState>>,
        /// The job's id.
        id: Path<JobRef>,
        /// `application/x-ndjson` or `text/csv`; anything else gets newline-delimited JSON.
        #[oai(name = "Accept")]
        accept: Header<Option<String>>,
    ) -> poem::Result<RejectsRead> {
        let id = id.id()?;
        found(state.reader.job(id, 0).await.map_err(HttpProblem::from)?)?;
        let media_type = preferred(accept.0.as_deref(), &[NDJSON, CSV]);
        let reader = Arc::clone(&state.reader);
        let load = move |offset| {
            let reader = Arc::clone(&reader);
            async move { reader.rejects(id, offset, PAGE).await }
        };
        let write = if media_type == CSV { as_csv } else { as_ndjson };
        let body = paged(load, write).await.map_err(HttpProblem::from)?;
        Ok(RejectsRead { media_type, body })
    }
}

const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv";

/// Rejects on their way out.
pub(super) struct RejectsRead {
    media_type: &'static str,
    body: Body,
}

fn as_ndjson(page: Page<StoredReject>) -> Vec<u8> {
    let mut lines = Vec::new();
    for reject in page.rows {
        serde_json::to_writer(&mut lines, &Reject::from(reject)).expect("writing to memory succeeds");
        lines.push(b'\n');
    }
    lines
}

fn as_csv(page: Page<StoredReject>) -> Vec<u8> {
    let title = ["line", "pointer", "code", "reason", "raw"].map(str::to_owned);
    let titled = page.first && !page.rows.is_empty();
    let cells = page.rows.into_iter().map(|reject| {
        let line = reject.line.to_string();
        [
            line,
            reject.pointer,
            reject.code,
            harmless(&reject.reason),
            harmless(&reject.raw),
        ]
    });
    csv(titled.then_some(title).into_iter().chain(cells))
}

impl IntoResponse for RejectsRead {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type(match self.media_type {
                CSV => "text/csv; charset=utf-8",
                other => other,
            })
            .header("vary", "Accept")
            .body(self.body)
    }
}

impl ApiResponse for RejectsRead {
    fn meta() -> MetaResponses {
        let text = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The rejects, one a line, each with `line` (the first physical one, from 1), `pointer`, `code`, `reason` and `raw`.",
                status: Some(200),
                status_range: None,
                content: [NDJSON, CSV]
                    .map(|content_type| MetaMediaType {
                        content_type,
                        schema: text(),
                    })
                    .into(),
                headers: vec![vary_accept()],
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}
