//! Cures the schemas of what breaks generated clients.

use serde_json::{Map, Value};

use crate::contract::MAX_INTEGER;

/// Cures every schema in this part of the document.
pub(super) fn cure_schemas(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(cure_schemas),
        Value::Object(object) => {
            if object.get("type").is_some_and(|kind| kind == "integer") {
                cure_integer(object);
            }
            if let Some(parts) = object.get_mut("allOf") {
                keep_reference(parts);
            }
            object.values_mut().for_each(cure_schemas);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Integers are `int64` with bounds that JavaScript can hold; bounds are integers too.
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

/// A described member of a named type is `allOf` of the type and of a schema with the description alone, which
/// stands beside `allOf` too. Generators take the second for a type without members and give up.
fn keep_reference(parts: &mut Value) {
    if let Some(parts) = parts.as_array_mut() {
        parts.retain(|part| part.get("$ref").is_some());
    }
}
