//! `GET /jobs/{id}/result`.

use std::sync::Arc;

use poem::web::Data;
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::{Header, Path};
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, OpenApi};
use shared::job::{JobState, JobView, Report, ReportRow};
use shared::wire::{csv, report_csv};

use super::json;
use super::media_range::preferred;
use super::pages::{PAGE, Page, paged};
use super::problem::{HttpProblem, found};
use super::query::JobRef;
use super::state::ApiState;
use crate::contract::{JobResult, ProblemCode, ReportPlace, ReportResult};
use crate::openapi::Tag;

/// Reading of results.
pub(crate) struct ResultApi;

#[OpenApi(tag = "Tag::Jobs")]
impl ResultApi {
    /// Read the result of a job
    ///
    /// Of a report all of its rows, as JSON or CSV; of a submit its progress and receipts; of a bulk job what it did.
    #[oai(path = "/jobs/:id/result", method = "get", operation_id = "getJobResult")]
    async fn result(
        &self,
        state: Data<&Arc<ApiState>>,
        /// The job's id.
        id: Path<JobRef>,
        /// `application/json` or `text/csv`; anything else gets JSON.
        #[oai(name = "Accept")]
        accept: Header<Option<String>>,
    ) -> poem::Result<ResultRead> {
        let view = found(state.reader.job(id.id()?, 0).await.map_err(HttpProblem::from)?)?;
        refuse_without_result(&view)?;
        let media_type = preferred(accept.0.as_deref(), &[JSON, CSV]);
        let body = match (&view.report, media_type) {
            (Some(report), CSV) => report_as_csv(&state, &view, report).await,
            (Some(report), _) => report_as_json(&state, &view, report).await,
            (None, CSV) => Ok(submit_as_csv(&view)),
            (None, _) => Ok(Body::from_string(json::text(&JobResult::without_report(&view)))),
        };
        Ok(ResultRead {
            media_type,
            body: body?,
        })
    }
}

const JSON: &str = "application/json";
const CSV: &str = "text/csv";

/// A result on its way out.
pub(super) struct ResultRead {
    media_type: &'static str,
    body: Body,
}

fn refuse_without_result(view: &JobView) -> Result<(), HttpProblem> {
    match view.state {
        JobState::Succeeded | JobState::PartiallySucceeded => Ok(()),
        JobState::Queued | JobState::Running | JobState::Cancelling => {
            let detail = format!(
                "The job is {}; GET /jobs/{}?wait=60 waits for its end.",
                view.state, view.id
            );
            Err(HttpProblem::new(ProblemCode::NotEnded, detail))
        }
        JobState::Failed | JobState::Cancelled => {
            let detail = format!("The job is {}; GET /jobs/{} says why.", view.state, view.id);
            Err(HttpProblem::new(ProblemCode::NoResult, detail))
        }
    }
}

async fn report_as_json(state: &ApiState, view: &JobView, report: &Report) -> Result<Body, HttpProblem> {
    let head = json::text(&ReportResult::head(report));
    let open = format!("{},\"rows\":[", head.strip_suffix('}').unwrap_or(&head));
    rows(state, view, move |page| {
        let mut text = Vec::new();
        if page.first {
            text.extend_from_slice(open.as_bytes());
        }
        for (place, row) in page.rows.iter().enumerate() {
            if place > 0 || !page.first {
                text.push(b',');
            }
            json::write(&ReportPlace::from(row), &mut text);
        }
        if page.last {
            text.extend_from_slice(b"]}");
        }
        text
    })
    .await
}

async fn report_as_csv(state: &ApiState, view: &JobView, report: &Report) -> Result<Body, HttpProblem> {
    let group_by = report.group_by;
    rows(state, view, move |page| {
        report_csv(group_by, &page.rows, page.first)
    })
    .await
}

async fn rows(
    state: &ApiState,
    view: &JobView,
    write: impl Fn(Page<ReportRow>) -> Vec<u8> + Send + 'static,
) -> Result<Body, HttpProblem> {
    let (reader, id) = (Arc::clone(&state.reader), view.id);
    let load = move |offset| {
        let reader = Arc::clone(&reader);
        async move { reader.report_rows(id, offset, PAGE).await }
    };
    Ok(paged(load, write).await?)
}

fn submit_as_csv(view: &JobView) -> Body {
    let title = ["topic", "partition", "first_offset", "last_offset", "events"].map(str::to_owned);
    let cells = view.receipts.iter().map(|receipt| {
        let offset = |offset: Option<i64>| offset.map(|offset| offset.to_string()).unwrap_or_default();
        let (first, last) = (offset(receipt.first_offset), offset(receipt.last_offset));
        [
            receipt.topic.clone(),
            receipt.partition.to_string(),
            first,
            last,
            receipt.events.to_string(),
        ]
    });
    Body::from_vec(csv(std::iter::once(title).chain(cells)))
}

impl IntoResponse for ResultRead {
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

impl ApiResponse for ResultRead {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The result.",
                status: Some(200),
                status_range: None,
                content: vec![
                    MetaMediaType {
                        content_type: JSON,
                        schema: JobResult::schema_ref(),
                    },
                    MetaMediaType {
                        content_type: CSV,
                        schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
                    },
                ],
                headers: vec![vary_accept()],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        JobResult::register(registry);
    }
}

pub(super) fn vary_accept() -> MetaHeader {
    MetaHeader {
        name: "Vary".to_owned(),
        description: Some("`Accept`.".to_owned()),
        required: true,
        deprecated: false,
        schema: String::schema_ref(),
    }
}
