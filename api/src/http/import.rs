//! `POST /import`: a stream of records.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::{Enum, OpenApi};
use shared::wire::TraceContext;

use super::accept::JobAccepted;
use super::body::{StreamedBody, drain, unsupported};
use super::problem::HttpProblem;
use super::state::ApiState;
use crate::openapi::Tag;
use crate::submit::ImportFormat;

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
        mut body: StreamedBody,
    ) -> poem::Result<JobAccepted> {
        let format = match format.0 {
            Some(ImportFormatName::Ndjson) => ImportFormat::Ndjson,
            Some(ImportFormatName::Csv) => ImportFormat::Csv,
            None => match format_of(body.media_type.as_ref()) {
                Ok(format) => format,
                Err(problem) => {
                    drain(body.stream).await;
                    return Err(problem.into());
                }
            },
        };
        match state.submitter.import(format, &mut body.stream, *trace.0).await {
            Ok(job) => Ok(JobAccepted::new(&state, &job)),
            Err(refusal) => {
                drain(body.stream).await;
                Err(HttpProblem::from(refusal).into())
            }
        }
    }
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

fn format_of(media_type: Option<&mime::Mime>) -> Result<ImportFormat, HttpProblem> {
    match media_type.map(mime::Mime::essence_str) {
        Some("application/x-ndjson") => Ok(ImportFormat::Ndjson),
        Some("text/csv") => Ok(ImportFormat::Csv),
        _ => Err(unsupported(
            "The format of the body is not known",
            "?format=ndjson or ?format=csv, or with -H 'Content-Type: application/x-ndjson' or -H 'Content-Type: text/csv'",
        )),
    }
}
