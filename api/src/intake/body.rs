//! What all JSON bodies have in common: one object, known members only, faults gathered up to a bound.

use serde_json::value::RawValue;
use shared::event::{Fault, FaultCode};

use super::MAX_FAULTS;
use super::members::{each_member, step, type_name};
use crate::refusal::{Refusal, RefusalCode};

/// The faults of a body, at most [`MAX_FAULTS`].
#[derive(Default)]
pub(super) struct Faults {
    found: Vec<Fault>,
    /// A text that no parser takes makes the whole body no JSON.
    not_json: Option<Fault>,
}

impl Faults {
    pub(super) fn add(&mut self, pointer: impl Into<String>, code: FaultCode, detail: impl Into<String>) {
        self.extend(std::iter::once(Fault {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }));
    }

    pub(super) fn extend(&mut self, faults: impl IntoIterator<Item = Fault>) {
        for fault in faults {
            if fault.code == FaultCode::BadJson {
                self.not_json.get_or_insert(fault);
            } else if self.found.len() < MAX_FAULTS {
                self.found.push(fault);
            }
        }
    }

    pub(super) fn unknown_member(&mut self, name: &str) {
        let pointer = format!("#{}", step(name));
        self.add(
            pointer,
            FaultCode::UnknownMember,
            "this request has no such member",
        );
    }

    /// `bad_json` or `invalid` with all faults, where there are any.
    pub(super) fn refuse_if_any(self) -> Result<(), Refusal> {
        if let Some(fault) = self.not_json {
            return Err(refused(format!(
                "the body is not JSON: `{}` {}",
                fault.pointer, fault.detail
            )));
        }
        if self.found.is_empty() {
            return Ok(());
        }
        Err(invalid(self.found))
    }
}

/// Parsed, but wrong: the refusal with these faults.
pub(crate) fn invalid(errors: Vec<Fault>) -> Refusal {
    Refusal {
        code: RefusalCode::Invalid,
        detail: "the request is invalid; `errors` says where and why".to_owned(),
        errors,
    }
}

/// Calls `member` for each member of the object that the body is.
///
/// # Errors
/// `bad_json` where the body is not JSON, `invalid` where it is no object.
pub(super) fn read_object<'a>(
    body: &'a [u8],
    mut member: impl FnMut(&str, &'a RawValue),
) -> Result<(), Refusal> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|error| {
        refused(format!(
            "the body is not UTF-8 from byte {} on",
            error.valid_up_to()
        ))
    })?;
    let value: &RawValue = serde_json::from_str(text).map_err(|error| bad_json(&error))?;
    if type_name(value) != "an object" {
        return Err(invalid(vec![Fault {
            pointer: "#".to_owned(),
            code: FaultCode::WrongType,
            detail: format!("the body is an object, not {}", type_name(value)),
        }]));
    }
    each_member(value.get(), |name, value| member(&name, value)).map_err(|error| bad_json(&error))
}

/// A body that is no JSON.
pub(super) fn bad_json(error: &serde_json::Error) -> Refusal {
    refused(format!("the body is not JSON: {error}"))
}

fn refused(detail: String) -> Refusal {
    Refusal {
        code: RefusalCode::BadJson,
        detail,
        errors: Vec::new(),
    }
}
