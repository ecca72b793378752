//! Links from an answer that shows a job, or a schedule, to what can be done with it.

use serde_json::{Map, Value, json};

/// Operations that take a job's id.
const FROM_JOB: [(&str, &str); 7] = [
    ("getJob", "Read the job, or wait for it."),
    ("streamJob", "Watch the job."),
    ("getJobResult", "Read its result, once it has one."),
    ("listJobRejects", "List its records that were refused."),
    ("cancelJob", "Stop it before its end."),
    ("retryJob", "Repeat it after its end."),
    ("deleteJob", "Remove it after its end."),
];

/// Operations that take a schedule's id.
const FROM_SCHEDULE: [(&str, &str); 2] = [
    (
        "getSchedule",
        "Read the schedule, with its next slot and its last job.",
    ),
    ("deleteSchedule", "End it."),
];

/// Adds the links to every answer that shows one of both, and their definitions to the components.
pub(super) fn add_links(document: &mut Value) {
    for operation in document["paths"]
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut)
    {
        for method in operation.as_object_mut().into_iter().flat_map(Map::values_mut) {
            for response in method["responses"]
                .as_object_mut()
                .into_iter()
                .flat_map(Map::values_mut)
            {
                if shows(response, "Job") {
                    response["links"] = references(&FROM_JOB);
                } else if shows(response, "Schedule") {
                    response["links"] = references(&FROM_SCHEDULE);
                }
            }
        }
    }
    document["components"]["links"] = definitions();
}

fn shows(response: &Value, schema: &str) -> bool {
    response
        .pointer("/content/application~1json/schema/$ref")
        .is_some_and(|shown| *shown == format!("#/components/schemas/{schema}"))
}

fn references(operations: &[(&str, &str)]) -> Value {
    operations
        .iter()
        .map(|(id, _)| {
            let target = json!({"$ref": format!("#/components/links/{id}")});
            ((*id).to_owned(), target)
        })
        .collect::<Map<_, _>>()
        .into()
}

fn definitions() -> Value {
    FROM_JOB
        .iter()
        .chain(&FROM_SCHEDULE)
        .map(|(id, description)| {
            let link = json!({
                "operationId": id,
                "description": description,
                "parameters": {"id": "$response.body#/id"},
            });
            ((*id).to_owned(), link)
        })
        .collect::<Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::document;

    #[test]
    fn an_accepted_job_links_to_the_job() {
        let document = document();
        let accepted = &document["paths"]["/submit"]["post"]["responses"]["202"];
        assert_eq!(accepted["links"]["getJob"]["$ref"], "#/components/links/getJob");
    }

    #[test]
    fn links_lead_to_operations_that_take_an_id() {
        let document = document();
        let operations = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|path| path.as_object().unwrap().values());
        for (id, _) in FROM_JOB.into_iter().chain(FROM_SCHEDULE) {
            let target = operations
                .clone()
                .find(|operation| operation["operationId"] == id);
            let parameters = target.unwrap_or_else(|| panic!("{id}"))["parameters"].as_array();
            assert!(
                parameters
                    .unwrap()
                    .iter()
                    .any(|parameter| parameter["name"] == "id")
            );
        }
    }
}
