//! Cures the generated document of what breaks generated clients.

use poem_openapi::registry::Registry;
use poem_openapi::types::Type;
use serde_json::{Map, Value, json};

use super::errors::{description_of, problems_of};
use crate::contract::{MAX_INTEGER, Problem};

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
    add_problem(&mut document);
    for (_, operations) in members(&mut document["paths"]) {
        for (_, operation) in members(operations) {
            cure_operation(operation);
        }
    }
    cure_schemas(&mut document);
    // Redocly: an empty list of security requirements says that there are none on purpose.
    document["security"] = json!([]);
    document
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
    let id = operation["operationId"]
        .as_str()
        .expect("every operation has an id")
        .to_owned();
    for status in problems_of(&id) {
        operation["responses"][status.to_string()] = problem_response(status);
    }
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
        drop_noise(parameter);
    }
}

fn problem_response(status: u16) -> Value {
    let mut response = json!({
        "description": description_of(status),
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    if matches!(status, 409 | 503) {
        response["headers"] = json!({"Retry-After": {
            "description": "Seconds after which the request is worth repeating; present when it is.",
            "schema": {"type": "integer", "format": "int64", "minimum": 0, "maximum": MAX_INTEGER},
        }});
    }
    response
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

/// Integers are `int64` with bounds that JavaScript can hold; bounds are integers too.
fn cure_schemas(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(cure_schemas),
        Value::Object(object) => {
            if object.get("type").is_some_and(|kind| kind == "integer") {
                cure_integer(object);
            }
            object.values_mut().for_each(cure_schemas);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "bounds are whole numbers of at most 2⁵³−1"
)]
fn cure_integer(schema: &mut Map<String, Value>) {
    schema.insert("format".to_owned(), "int64".into());
    for (name, otherwise) in [("minimum", 0), ("maximum", MAX_INTEGER)] {
        let bound = schema
            .get(name)
            .and_then(Value::as_f64)
            .map_or(otherwise, |bound| bound as i64);
        schema.insert(name.to_owned(), bound.into());
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
            "charset",
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
                let problem = &operation["responses"]["400"]["content"]["application/problem+json"];
                assert!(problem.is_object(), "{method} {path}");
            }
        }
    }
}
