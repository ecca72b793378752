//! Writes a document as YAML 1.2: the little that JSON needs, without a library, as none is both kept and sound.

use std::fmt::Write as _;

use serde_json::Value;

/// Members that a reader looks for first; the others follow in the order of the alphabet.
const FIRST: [&str; 19] = [
    "openapi",
    "info",
    "servers",
    "security",
    "tags",
    "paths",
    "components",
    "title",
    "operationId",
    "summary",
    "name",
    "in",
    "required",
    "type",
    "format",
    "description",
    "parameters",
    "requestBody",
    "responses",
];

/// The document as YAML.
pub(super) fn to_yaml(document: &Value) -> String {
    let mut text = String::from("# Generated: `api openapi > openapi.yaml`\n");
    write_block(&mut text, document, 0);
    text
}

/// Writes a map or list, one member a line, each at `indent`.
fn write_block(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            let rank = |name: &str| {
                FIRST
                    .iter()
                    .position(|first| *first == name)
                    .unwrap_or(FIRST.len())
            };
            members.sort_by_key(|(name, _)| (rank(name), name.as_str()));
            for (name, member) in members {
                let _ = write!(text, "{:indent$}{}:", "", scalar(name));
                write_member(text, member, indent);
            }
        }
        Value::Array(items) => {
            for item in items {
                let _ = write!(text, "{:indent$}-", "");
                let start = text.len();
                write_member(text, item, indent);
                // The first member of a map stands behind the dash: a line break and the indent give way.
                if item.as_object().is_some_and(|object| !object.is_empty()) {
                    text.replace_range(start..start + 1 + indent + 2, " ");
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Writes what follows `name:` or `-`.
fn write_member(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(object) if object.is_empty() => text.push_str(" {}\n"),
        Value::Array(items) if items.is_empty() => text.push_str(" []\n"),
        Value::Object(_) | Value::Array(_) => {
            text.push('\n');
            write_block(text, value, indent + 2);
        }
        Value::String(string) => {
            let _ = writeln!(text, " {}", scalar(string));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let _ = writeln!(text, " {value}");
        }
    }
}

/// Bare where no reader of YAML can take it for anything but a string; else as JSON, which is YAML too.
fn scalar(string: &str) -> String {
    let bare = string.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && string
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || " /{}_.,;()+-".contains(c))
        && !string.ends_with(' ')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&string.to_ascii_lowercase().as_str());
    if bare {
        string.to_owned()
    } else {
        Value::from(string).to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_plain_words_are_bare() {
        let document =
            json!({"a": {}, "b": [1, "no", "x: y", "/jobs/{id}", ["z"]], "404": null, "type": "line\nline"});
        let text = to_yaml(&document);
        assert_eq!(
            text.split_once('\n').unwrap().1,
            "type: \"line\\nline\"\n\"404\": null\na: {}\nb:\n  - 1\n  - \"no\"\n  - \"x: y\"\n  - /jobs/{id}\n  -\n    - z\n"
        );
    }
}
