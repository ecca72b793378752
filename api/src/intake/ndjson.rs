//! NDJSON: one JSON event a line.

use std::convert::Infallible;

use serde_json::Deserializer;
use shared::event::{Fault, FaultCode, RawEvent};

use super::event_json::EventJson;
use super::lines::{Line, Lines};
use super::records::{Cleaning, Record};

/// Records of an NDJSON stream.
pub(crate) struct NdjsonRecords {
    lines: Lines,
    cleaning: Cleaning,
}

impl NdjsonRecords {
    pub(super) fn new(cleaning: Cleaning) -> Self {
        Self {
            lines: Lines::new(false, cleaning.max_line_bytes),
            cleaning,
        }
    }

    pub(super) fn push(&mut self, piece: &[u8], out: &mut Vec<Record>) {
        let Self { lines, cleaning } = self;
        let Ok(()) = lines.push(piece, |line| -> Result<(), Infallible> {
            take(cleaning, &line, out);
            Ok(())
        });
    }

    pub(super) fn end(&mut self, out: &mut Vec<Record>) {
        let Self { lines, cleaning } = self;
        let Ok(()) = lines.end(|line| -> Result<(), Infallible> {
            take(cleaning, &line, out);
            Ok(())
        });
    }
}

fn take(cleaning: &mut Cleaning, line: &Line<'_>, out: &mut Vec<Record>) {
    if line.too_long {
        let fault = cleaning.fault(FaultCode::LineTooLong);
        out.push(cleaning.record(line, Err(fault)));
        return;
    }
    let parsed = match std::str::from_utf8(line.bytes) {
        Ok(text) if text.trim().is_empty() => return,
        Ok(text) => parse(text, cleaning),
        Err(_) => Err(cleaning.fault(FaultCode::BadUtf8)),
    };
    out.push(cleaning.record(line, parsed));
}

fn parse(text: &str, cleaning: &Cleaning) -> Result<RawEvent, Fault> {
    let mut values = Deserializer::from_str(text).into_iter::<EventJson>();
    let first = values.next();
    let more = text[values.byte_offset()..].trim_start();
    match first {
        Some(Ok(EventJson::Event(event))) if more.is_empty() => Ok(event),
        Some(Ok(EventJson::NoObject)) if more.is_empty() => Err(cleaning.fault(FaultCode::WrongType)),
        Some(Ok(_)) if more.starts_with('{') => {
            let detail = "holds several JSON objects: give each its own line; with curl, `-d` drops line breaks \
                          and `--data-binary` keeps them";
            Err(Fault {
                detail: detail.to_owned(),
                ..cleaning.fault(FaultCode::BadJson)
            })
        }
        Some(Ok(_) | Err(_)) | None => Err(cleaning.fault(FaultCode::BadJson)),
    }
}
