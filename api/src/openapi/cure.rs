//! Cures the generated document of what breaks generated clients.

use poem_openapi::registry::Registry;
use poem_openapi::types::Type;
use serde_json::{Value, json};
use shared::job::{Label, Labels};

use super::errors::{add_problems, problem_responses};
use super::examples::add_examples;
use super::links::add_links;
use super::schemas::cure_schemas;
use crate::contract::Problem;

/// Names as they are written, for those that poem-openapi writes in capitals.
const HEADERS: [&str; 7] = [
    "Location",
    "Content-Location",
    "Retry-After",
    "ETag",
    "Vary",
    "Preference-Applied",
    "Idempotency-Replayed",
];

/// The document as it is published.
pub(super) fn cure(mut document: Value) -> Value {
    document["servers"] = json!([{"url": "/", "description": "The service that serves this document."}]);
    order_tags(&mut document);
    add_problem(&mut document);
    for (_, operations) in members(&mut document["paths"]) {
        for (_, operation) in members(operations) {
            cure_operation(operation);
        }
    }
    document["components"]["responses"] = problem_responses();
    add_links(&mut document);
    add_examples(&mut document);
    cure_schemas(&mut document);
    // Redocly: an empty list of security requirements says that there are none on purpose.
    document["security"] = json!([]);
    document
}

/// As a person goes through them: poem-openapi sorts them by name.
fn order_tags(document: &mut Value) {
    let order = ["Submit", "Report", "Schedules", "Jobs"];
    if let Some(tags) = document["tags"].as_array_mut() {
        tags.sort_by_key(|tag| order.iter().position(|name| tag["name"] == *name));
    }
}

/// No handler names it: its answers are added to each operation.
fn add_problem(document: &mut Value) {
    let mut registry = Registry::new();
    Problem::register(&mut registry);
    for (name, schema) in registry.schemas {
        document["components"]["schemas"][name] =
            serde_json::to_value(schema).expect("a schema is plain data");
    }
}

fn cure_operation(operation: &mut Value) {
    if let Some(body) = operation.get_mut("requestBody") {
        without_charset(&mut body["content"]);
    }
    for (_, response) in members(&mut operation["responses"]) {
        if response.get("content").is_some() {
            without_charset(&mut response["content"]);
        }
        cure_headers(response);
        if response["description"] == "" {
            response["description"] = "The answer.".into();
        }
    }
    keep_one_success(&mut operation["responses"]);
    let id = operation["operationId"]
        .as_str()
        .expect("every operation has an id")
        .to_owned();
    add_problems(operation, &id);
    let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else {
        return;
    };
    // OpenAPI says that a parameter called `Accept` is ignored; the media types of the answer stand for it.
    parameters.retain(|parameter| parameter["name"] != "Accept");
    for parameter in parameters {
        // A request without `format` is taken when its media type says it; generated clients send it always.
        if id == "importEvents" && parameter["name"] == "format" {
            parameter["required"] = true.into();
        }
        if parameter["name"] == "label" {
            parameter["schema"] = labels();
        }
        drop_noise(parameter);
    }
}

/// What `shared::job::Labels` takes, but for one thing that no schema can say: each key once.
fn labels() -> Value {
    let (key, value) = (Label::MAX_KEY, Label::MAX_VALUE);
    json!({
        "type": "array",
        "maxItems": Labels::MAX,
        "uniqueItems": true,
        "items": {
            "type": "string",
            "pattern": format!(r"^[a-z0-9._-]{{1,{key}}}:[^\x00-\x1f\x7f-\x9f]{{1,{value}}}$"),
        },
    })
}

/// Progenitor gives up on two successes of different shapes. The `204` beside a `200` is for a browser's
/// `EventSource`, which reads no specification; the operation's description tells of it.
fn keep_one_success(responses: &mut Value) {
    if responses.get("200").is_some()
        && let Some(responses) = responses.as_object_mut()
    {
        responses.remove("204");
    }
}

fn without_charset(content: &mut Value) {
    let Some(types) = content.as_object_mut() else {
        return;
    };
    *types = std::mem::take(types)
        .into_iter()
        .map(|(name, body)| (name.split(';').next().unwrap_or(&name).trim().to_owned(), body))
        .collect();
}

fn cure_headers(response: &mut Value) {
    let Some(headers) = response.get_mut("headers").and_then(Value::as_object_mut) else {
        return;
    };
    *headers = std::mem::take(headers)
        .into_iter()
        .map(|(name, mut header)| {
            drop_noise(&mut header);
            let written = HEADERS
                .into_iter()
                .find(|known| known.eq_ignore_ascii_case(&name));
            (written.map_or(name, str::to_owned), header)
        })
        .collect();
}

/// `deprecated: false` and `explode: true` say what is so anyway.
fn drop_noise(item: &mut Value) {
    if let Some(item) = item.as_object_mut() {
        item.retain(|name, value| {
            !(name == "deprecated" && value == false || name == "explode" && value == true)
        });
    }
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use crate::openapi::document;

    #[test]
    fn nothing_that_breaks_generated_clients_is_left() {
        let text = document().to_string();
        for cause in [
            "charset=",
            "\"null\"",
            "nullable",
            "uint",
            "int32",
            "oneOf",
            "discriminator",
            "\"default\":{",
        ] {
            assert!(!text.contains(cause), "{cause}");
        }
    }

    #[test]
    fn every_operation_has_an_id_and_a_problem() {
        let document = document();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                assert!(operation["operationId"].is_string(), "{method} {path}");
                assert!(operation["summary"].is_string(), "{method} {path}");
                let problem = &operation["responses"]["400"]["$ref"];
                assert_eq!(problem, "#/components/responses/BadRequest", "{method} {path}");
            }
        }
    }
}
