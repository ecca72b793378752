//! The body of `POST /report`: all members optional, an empty body is a report by city.

use serde_json::{Map, Value};
use shared::event::{Fault, FaultCode};
use shared::job::{GroupBy, JobId, ReportRequest};
use shared::time::Timestamp;

use super::FAULTS_MAX;
use super::json::bad_json;
use crate::refusal::Refusal;

/// Jobs that one report may wait for.
const AFTER_MAX: usize = 1_000;

/// The request of a body.
///
/// # Errors
/// `bad_json` when it cannot be parsed, `invalid` with all faults.
pub(crate) fn report_body(body: &[u8]) -> Result<ReportRequest, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(ReportRequest::default());
    }
    let value: Value = serde_json::from_slice(body).map_err(|fault| bad_json(&fault))?;
    let Value::Object(members) = value else {
        return Err(Refusal::invalid(vec![fault(
            "#",
            FaultCode::WrongType,
            "has to be a JSON object",
        )]));
    };
    let mut faults = Vec::new();
    let request = read(&members, &mut faults);
    faults.truncate(FAULTS_MAX);
    if faults.is_empty() {
        Ok(request)
    } else {
        Err(Refusal::invalid(faults))
    }
}

fn read(members: &Map<String, Value>, faults: &mut Vec<Fault>) -> ReportRequest {
    let mut request = ReportRequest::default();
    for (name, value) in members {
        let pointer = format!("#/{}", name.replace('~', "~0").replace('/', "~1"));
        let mut taken = |result: Result<(), (FaultCode, &str)>| {
            if let Err((code, detail)) = result {
                faults.push(fault(&pointer, code, detail));
            }
        };
        match (name.as_str(), value) {
            ("group_by" | "from" | "to" | "after" | "fresh" | "deadline_s", Value::Null) => {}
            ("group_by", value) => taken(group_by(value).map(|group| request.group_by = group)),
            ("from", value) => taken(time(value).map(|time| request.from = Some(time))),
            ("to", value) => taken(time(value).map(|time| request.to = Some(time))),
            ("fresh", value) => taken(
                value
                    .as_bool()
                    .map(|fresh| request.fresh = fresh)
                    .ok_or((FaultCode::WrongType, "has to be true or false")),
            ),
            ("deadline_s", value) => taken(deadline(value).map(|seconds| request.deadline_s = seconds)),
            ("after", Value::Array(ids)) => after(ids, &mut request, faults),
            ("after", _) => taken(Err((FaultCode::WrongType, "has to be a list of job ids"))),
            _ => taken(Err((
                FaultCode::UnknownMember,
                "is not a member of a report request",
            ))),
        }
    }
    if let (Some(from), Some(to)) = (request.from, request.to)
        && from >= to
    {
        faults.push(fault("#/to", FaultCode::BadValue, "has to be later than `from`"));
    }
    request
}

fn group_by(value: &Value) -> Result<GroupBy, (FaultCode, &'static str)> {
    let text = value.as_str().ok_or((FaultCode::WrongType, "has to be a text"))?;
    [GroupBy::City, GroupBy::State, GroupBy::Country]
        .into_iter()
        .find(|group| group.as_str() == text)
        .ok_or((FaultCode::BadValue, "has to be `city`, `state` or `country`"))
}

fn time(value: &Value) -> Result<Timestamp, (FaultCode, &'static str)> {
    let text = value.as_str().ok_or((FaultCode::WrongType, "has to be a text"))?;
    text.trim().parse().map_err(|_| {
        (
            FaultCode::BadDatetime,
            "is no date-time like `2019-05-07T19:54:13.563Z`",
        )
    })
}

fn deadline(value: &Value) -> Result<u32, (FaultCode, &'static str)> {
    if !value.is_number() {
        return Err((FaultCode::WrongType, "has to be a whole number"));
    }
    value
        .as_u64()
        .and_then(|seconds| u32::try_from(seconds).ok())
        .filter(|seconds| (1..=86_400).contains(seconds))
        .ok_or((FaultCode::BadValue, "has to be a whole number from 1 to 86400"))
}

fn after(ids: &[Value], request: &mut ReportRequest, faults: &mut Vec<Fault>) {
    if ids.len() > AFTER_MAX {
        faults.push(fault(
            "#/after",
            FaultCode::BadLength,
            "holds more than 1000 job ids",
        ));
        return;
    }
    for (place, id) in ids.iter().enumerate() {
        let pointer = format!("#/after/{place}");
        match id.as_str().map(str::parse::<JobId>) {
            Some(Ok(id)) => request.after.push(id),
            Some(Err(_)) => {
                faults.push(fault(
                    &pointer,
                    FaultCode::UnknownJob,
                    &FaultCode::UnknownJob.sentence(0),
                ));
            }
            None => faults.push(fault(&pointer, FaultCode::WrongType, "has to be a job id")),
        }
    }
}

fn fault(pointer: &str, code: FaultCode, detail: &str) -> Fault {
    Fault {
        pointer: pointer.to_owned(),
        code,
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_and_null_members_have_their_defaults() {
        for body in ["", " \n", "{}", r#"{"group_by":null,"after":null}"#] {
            assert_eq!(
                report_body(body.as_bytes()),
                Ok(ReportRequest::default()),
                "{body}"
            );
        }
        let body = r#"{"group_by":"state","from":"2020-01-01 00:00:00","fresh":false,"deadline_s":5}"#;
        let request = report_body(body.as_bytes()).unwrap();
        assert_eq!(
            (request.group_by, request.fresh, request.deadline_s),
            (GroupBy::State, false, 5)
        );
        assert_eq!(
            request.from.map(|from| from.to_string()).as_deref(),
            Some("2020-01-01T00:00:00.000Z")
        );
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let body =
            r#"{"group_by":"planet","from":"x","deadline_s":0,"fresh":1,"after":["x",2],"colour":"red"}"#;
        let refusal = report_body(body.as_bytes()).unwrap_err();
        let mut found: Vec<_> = refusal
            .errors
            .iter()
            .map(|f| format!("{} {}", f.pointer, f.code.as_str()))
            .collect();
        found.sort();
        assert_eq!(
            found,
            [
                "#/after/0 unknown_job",
                "#/after/1 wrong_type",
                "#/colour unknown_member",
                "#/deadline_s bad_value",
                "#/fresh wrong_type",
                "#/from bad_datetime",
                "#/group_by bad_value",
            ]
        );
        let backwards = r#"{"from":"2020-01-01T00:00:00Z","to":"2020-01-01T00:00:00Z"}"#;
        assert_eq!(
            report_body(backwards.as_bytes()).unwrap_err().errors[0].pointer,
            "#/to"
        );
    }
}
