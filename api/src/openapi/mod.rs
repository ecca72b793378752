//! The specification: generated from the handlers and the contract's types, cured of what breaks generated
//! clients, and committed as `openapi.yaml`.

mod cure;
mod errors;
mod examples;
mod links;
mod page;
mod schemas;
mod yaml;

use poem_openapi::{LicenseObject, OpenApiService, Tags};
use serde_json::Value;

use crate::http::{
    BulkApi, CancelApi, ImportApi, JobsApi, RejectsApi, ReportApi, ResultApi, RetryApi, SchedulesApi,
    StreamApi, SubmitApi,
};

pub(crate) use page::page;

/// Groups of operations.
#[derive(Tags)]
pub enum Tag {
    /// Events come in.
    Submit,
    /// Counts go out.
    Report,
    /// Reports are made again and again, and mailed.
    Schedules,
    /// Jobs are read back, cancelled, retried and deleted.
    Jobs,
}

/// All resources of the specification.
pub(crate) type Api = (
    SubmitApi,
    ImportApi,
    ReportApi,
    SchedulesApi,
    JobsApi,
    ResultApi,
    RejectsApi,
    CancelApi,
    RetryApi,
    StreamApi,
    BulkApi,
);

/// The endpoints of the specification.
pub(crate) fn service() -> OpenApiService<Api, ()> {
    let api = (
        SubmitApi,
        ImportApi,
        ReportApi,
        SchedulesApi,
        JobsApi,
        ResultApi,
        RejectsApi,
        CancelApi,
        RetryApi,
        StreamApi,
        BulkApi,
    );
    OpenApiService::new(api, "Census", env!("CARGO_PKG_VERSION"))
        .description(
            "Takes in user events, answers with a job at once, and counts users and events by place. \
             Members may be added to any object; ignore those that you do not know.",
        )
        .license(LicenseObject::new("MIT").url("https://opensource.org/license/mit"))
}

/// The specification, cured: what `/openapi.json` serves and `openapi.yaml` holds.
#[must_use]
pub fn document() -> Value {
    let raw = serde_json::from_str(&service().spec()).expect("poem-openapi writes JSON");
    cure::cure(raw)
}

/// The specification as `openapi.yaml` holds it.
#[must_use]
pub fn yaml() -> String {
    yaml::to_yaml(&document())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openapi_yaml_is_what_the_program_serves() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.yaml");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        let served = yaml();
        assert!(
            committed == served,
            "write what `api openapi` prints to openapi.yaml"
        );
    }
}
