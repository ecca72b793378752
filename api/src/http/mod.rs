//! Step 1: an HTTP request becomes a call of `submit`, `poll` or a port, and its outcome an answer.
//!
//! Only this module knows statuses and headers. One file for each resource; `edge` is around all of them.

mod accept;
mod body;
mod bulk;
mod cancel;
mod connection;
mod delete;
mod docs;
mod edge;
mod import;
mod jobs;
mod json;
mod key;
mod media_range;
mod meter;
mod operations;
mod pages;
mod problem;
mod query;
mod rejects;
mod report;
mod result;
mod retry;
mod routes;
mod schedules;
mod server;
mod state;
mod stream;
mod submit;
mod surface;

pub(crate) use bulk::BulkApi;
pub(crate) use cancel::CancelApi;
pub(crate) use import::ImportApi;
pub(crate) use jobs::JobsApi;
pub use problem::HttpProblem;
pub(crate) use rejects::RejectsApi;
pub(crate) use report::ReportApi;
pub(crate) use result::ResultApi;
pub(crate) use retry::RetryApi;
pub use routes::routes;
pub(crate) use schedules::SchedulesApi;
pub(crate) use server::serve;
pub use state::{ApiState, HttpOptions, RenderMetrics};
pub(crate) use stream::StreamApi;
pub(crate) use submit::SubmitApi;
