//! Parameters that several resources take.

use std::borrow::Cow;

use poem_openapi::registry::MetaSchemaRef;
use poem_openapi::types::{ParseFromParameter, ParseResult, Type};
use shared::job::{JobFilter, JobId, Label, LabelFault, Labels};
use shared::schedule::ScheduleId;
use uuid::Uuid;

use super::problem::{HttpProblem, unknown_job, unknown_schedule};
use crate::contract::{JobStateName, Moment};

/// Characters of an id, hyphens included.
const ID_LENGTH: usize = 36;

macro_rules! id_in_a_path {
    ($(#[$about:meta])* $name:ident, $id:ty, $unknown:path) => {
        $(#[$about])*
        pub(super) struct $name(Option<$id>);

        impl $name {
            /// The id.
            ///
            /// # Errors
            /// `404` when it is malformed.
            pub(super) fn id(&self) -> Result<$id, HttpProblem> {
                self.0.ok_or_else($unknown)
            }
        }

        impl Type for $name {
            const IS_REQUIRED: bool = true;

            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                Uuid::name()
            }

            fn schema_ref() -> MetaSchemaRef {
                Uuid::schema_ref()
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl ParseFromParameter for $name {
            fn parse_from_parameter(value: &str) -> ParseResult<Self> {
                // Other ways to write a UUID are no ids here: an id has one text, but for its case.
                let id = Some(value).filter(|value| value.len() == ID_LENGTH);
                Ok(Self(id.and_then(|value| value.parse().ok())))
            }
        }
    };
}

id_in_a_path! {
    /// The id of a job in a path. A malformed one names no job: `404`, not `400`.
    JobRef, JobId, unknown_job
}

id_in_a_path! {
    /// The id of a schedule in a path, likewise.
    ScheduleRef, ScheduleId, unknown_schedule
}

/// The labels of a job to be made, each as `key:value`.
///
/// # Errors
/// `400 bad_parameter` with the first fault.
pub(super) fn labels(texts: Option<&[String]>) -> Result<Labels, HttpProblem> {
    let texts = texts.unwrap_or_default().iter().map(String::as_str);
    Labels::read(texts).map_err(|fault| HttpProblem::parameter("label", &fault.to_string()))
}

/// Which jobs are meant by the filters of a list.
///
/// # Errors
/// `400 bad_parameter`.
pub(super) fn filter(
    kinds: Option<Vec<String>>,
    states: Option<Vec<JobStateName>>,
    labels: Option<&[String]>,
    created_from: Option<Moment>,
    created_to: Option<Moment>,
) -> Result<JobFilter, HttpProblem> {
    Ok(JobFilter {
        kinds: kinds.unwrap_or_default(),
        states: states.unwrap_or_default().into_iter().map(Into::into).collect(),
        labels: wanted_labels(labels)?,
        created_from: created_from.map(|moment| moment.0),
        created_to: created_to.map(|moment| moment.0),
    })
}

fn wanted_labels(texts: Option<&[String]>) -> Result<Vec<Label>, HttpProblem> {
    let labels = texts.unwrap_or_default().iter().map(|text| text.parse());
    let labels: Result<Vec<_>, LabelFault> = labels.collect();
    match labels {
        Ok(labels) if labels.len() > Labels::MAX => Err(LabelFault::TooMany),
        other => other,
    }
    .map_err(|fault| HttpProblem::parameter("label", &fault.to_string()))
}

/// The seconds of `Prefer: wait=N`, cut to `max`; an invalid preference is none.
pub(super) fn preferred_wait(prefer: Option<&str>, max: u64) -> Option<u64> {
    let wait = prefer?.split(',').find_map(|preference| {
        // What follows a semicolon is a parameter of the preference, whatever its name.
        let preference = preference.split(';').next()?;
        let (name, value) = preference.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("wait")
            .then(|| value.trim().trim_matches('"'))
    })?;
    wait.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| wait.parse().unwrap_or(max).min(max))
        .filter(|_| !wait.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preferred_wait_is_cut_and_an_invalid_one_ignored() {
        for (prefer, wait) in [
            ("wait=10", Some(10)),
            ("respond-async, wait=99999999999999999999", Some(60)),
            ("Wait=\"5\"", Some(5)),
            ("wait=-1", None),
            ("wait=", None),
            ("wait", None),
            ("waiting=5", None),
            ("wait=5; strictly", Some(5)),
            ("foo; wait=5", None),
        ] {
            assert_eq!(preferred_wait(Some(prefer), 60), wait, "{prefer}");
        }
    }
}
