//! Examples: parameters and bodies that work when they are tried as they stand, and answers as they come.

use serde_json::{Value, json};

const ACCEPTED: &str = include_str!("examples/accepted.json");
const SUBMIT: &str = include_str!("examples/submit.json");
const REPORT: &str = include_str!("examples/report.json");
const IMPORT: &str = include_str!("examples/import.ndjson");
const REJECTS: &str = include_str!("examples/rejects.ndjson");
const RESULT: &str = include_str!("examples/result.csv");
const SCHEDULE: &str = include_str!("examples/schedule.json");
const EVENTS: &str = include_str!("examples/events.txt");

/// Adds the examples. Swagger UI sends a parameter's example unless it is taken out, so only those have one that
/// do good then: an example of `id` would lead to no job, one of `created_to` would find none, and one of
/// `Idempotency-Key` would be used up by the first try.
pub(super) fn add_examples(document: &mut Value) {
    for path in members(&mut document["paths"]) {
        for operation in members(path) {
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            // An index would put a `null` where there are none.
            let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten() {
                add_to_parameter(parameter);
            }
            add_to_bodies(operation, &id);
        }
    }
    document["components"]["examples"] = json!({
        "accepted": {"summary": "A job that was accepted", "value": json_of(ACCEPTED)},
        "submit": {"summary": "A submit that has ended", "value": json_of(SUBMIT)},
        "report": {"summary": "A report", "value": json_of(REPORT)},
    });
}

fn add_to_parameter(parameter: &mut Value) {
    if let Some(schema) = parameter["schema"].as_object_mut() {
        schema.remove("example");
    }
    let example: Value = match parameter["name"].as_str().unwrap_or_default() {
        "count" => 10.into(),
        "format" => "ndjson".into(),
        "wait" => 10.into(),
        "limit" => 20.into(),
        _ => return,
    };
    parameter["example"] = example;
}

fn add_to_bodies(operation: &mut Value, id: &str) {
    let mut add = |pointer: &str, member: &str, example: Value| {
        if let Some(content) = operation.pointer_mut(pointer) {
            content[member] = example;
        }
    };
    let reference = |name: &str| json!({"$ref": format!("#/components/examples/{name}")});
    match id {
        "importEvents" => {
            add(
                "/requestBody/content/application~1octet-stream",
                "example",
                IMPORT.into(),
            );
        }
        "getJob" => {
            let both = json!({"submit": reference("submit"), "report": reference("report")});
            add("/responses/200/content/application~1json", "examples", both);
        }
        "getJobResult" => {
            let result = json_of(REPORT)["report"].clone();
            add("/responses/200/content/application~1json", "example", result);
            add("/responses/200/content/text~1csv", "example", RESULT.into());
        }
        "listJobRejects" => {
            add(
                "/responses/200/content/application~1x-ndjson",
                "example",
                REJECTS.into(),
            );
        }
        "createSchedule" => {
            let made = json_of(SCHEDULE);
            add("/responses/201/content/application~1json", "example", made);
        }
        "streamJob" => {
            add(
                "/responses/200/content/text~1event-stream",
                "example",
                EVENTS.into(),
            );
        }
        _ => {}
    }
    if matches!(id, "submitEvents" | "submitSamples" | "importEvents") {
        let accepted = json!({"accepted": reference("accepted")});
        add("/responses/202/content/application~1json", "examples", accepted);
    }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("the examples are JSON, as a test says")
}

fn members(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value
        .as_object_mut()
        .into_iter()
        .flat_map(serde_json::Map::values_mut)
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::{ParseFromJSON, ToJSON};

    use super::*;
    use crate::contract::{Job, ScheduleView};

    #[test]
    fn example_jobs_are_what_the_contract_writes() {
        for text in [ACCEPTED, SUBMIT, REPORT] {
            let job = Job::parse_from_json(Some(json_of(text)));
            let written = job.unwrap_or_else(|error| panic!("{}", error.into_message()));
            assert_eq!(written.to_json(), Some(json_of(text)));
        }
    }

    #[test]
    fn the_example_schedule_is_what_the_contract_writes() {
        let schedule = ScheduleView::parse_from_json(Some(json_of(SCHEDULE)));
        let written = schedule.unwrap_or_else(|error| panic!("{}", error.into_message()));
        assert_eq!(written.to_json(), Some(json_of(SCHEDULE)));
    }

    #[test]
    fn example_lines_are_json() {
        for line in IMPORT.lines().chain(REJECTS.lines()) {
            json_of(line);
        }
    }

    #[test]
    fn no_optional_parameter_with_an_example_narrows_what_is_found() {
        let text = crate::openapi::document()["paths"]["/jobs"]["get"]["parameters"].to_string();
        assert_eq!(text.matches("\"example\"").count(), 1, "{text}");
    }
}
