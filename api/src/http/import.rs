//! `POST /import`: a stream of records.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::{Enum, OpenApi};
use shared::wire::TraceContext;

use super::accept::JobAccepted;
use super::body::{StreamedBody, drain, unsupported};
use super::key::KeyHeader;
use super::problem::HttpProblem;
use super::query::labels;
use super::state::ApiState;
use crate::contract::ProblemCode;
use crate::openapi::Tag;
use crate::submit::{Envelope, ImportFormat, Submitted};

/// Importing of streams.
pub(crate) struct ImportApi;

#[OpenApi(tag = "Tag::Submit")]
impl ImportApi {
    /// Import a stream of user events
    ///
    /// Bad records are rejected one by one and listed under `/jobs/{id}/rejects`; the others are submitted.
    /// Newline-delimited JSON has one event a line; CSV has the columns `id`, `city`, `state`, `country`,
    /// `postCode`, `datetime` and, if wanted, `event_id`, named in its first line.
    #[oai(path = "/import", method = "post", operation_id = "importEvents")]
    async fn import(
        &self,
        state: Data<&Arc<ApiState>>,
        trace: Data<&TraceContext>,
        /// The format of the body.
        format: Query<Option<ImportFormatName>>,
        /// A label of the job, as `key:value`; may be repeated.
        label: Query<Option<Vec<String>>>,
        /// Makes the request repeatable: the same key with the same request leads to the same job.
        #[oai(name = "Idempotency-Key")]
        key: KeyHeader,
        mut body: StreamedBody,
    ) -> poem::Result<JobAccepted> {
        match import(&state, format.0, key, label.0.as_deref(), *trace.0, &mut body).await {
            Ok(submitted) => Ok(JobAccepted::new(&state, &submitted)),
            Err(problem) => {
                // Who has sent nothing for so long, or is gone, has nothing on its way.
                if problem.code() != ProblemCode::IncompleteBody {
                    drain(body.stream).await;
                }
                Err(problem.into())
            }
        }
    }
}

async fn import(
    state: &ApiState,
    format: Option<ImportFormatName>,
    key: KeyHeader,
    label: Option<&[String]>,
    trace: TraceContext,
    body: &mut StreamedBody,
) -> Result<Submitted, HttpProblem> {
    let format = match format {
        Some(format) => format,
        None => format_of(body.media_type.as_ref())?,
    };
    let envelope = Envelope {
        key: key.with_format(format.name())?,
        labels: labels(label)?,
        trace,
    };
    let imported = state
        .submitter
        .import(format.into(), &mut body.stream, envelope)
        .await;
    imported.map_err(HttpProblem::from)
}

/// The format of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "ImportFormat", rename_all = "lowercase")]
pub(super) enum ImportFormatName {
    /// One JSON event a line.
    Ndjson,
    /// Comma-separated values (RFC 4180) with a header.
    Csv,
}

impl ImportFormatName {
    fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }
}

impl From<ImportFormatName> for ImportFormat {
    fn from(name: ImportFormatName) -> Self {
        match name {
            ImportFormatName::Ndjson => Self::Ndjson,
            ImportFormatName::Csv => Self::Csv,
        }
    }
}

fn format_of(media_type: Option<&mime::Mime>) -> Result<ImportFormatName, HttpProblem> {
    match media_type.map(mime::Mime::essence_str) {
        Some("application/x-ndjson") => Ok(ImportFormatName::Ndjson),
        Some("text/csv") => Ok(ImportFormatName::Csv),
        _ => Err(unsupported(
            "The format of the body is not known",
            "?format=ndjson or ?format=csv, or with -H 'Content-Type: application/x-ndjson' or -H 'Content-Type: text/csv'",
        )),
    }
}
