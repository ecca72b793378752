//! A stream of bytes becomes records: clean events and rejects, with bounded memory and whatever the cuts.

use shared::event::{CleanEvent, Fault, FaultCode};
use shared::ports::RejectRecord;

use super::csv::Csv;
use super::ndjson;
use crate::refusal::Refusal;
use crate::submit::ImportFormat;

/// Bytes of a raw record that a reject keeps.
const MAX_RAW: usize = 1024;

/// A non-blank record. Its ordinal is its place among them (P11).
pub(crate) type Record = Result<CleanEvent, Rejected>;

/// A record that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// The first physical line of the record, from 1.
    pub(crate) line: u64,
    /// Its first fault.
    pub(crate) fault: Fault,
    /// At most 1 KiB of it.
    pub(crate) raw: String,
}

impl Rejected {
    /// The reject as it is stored.
    pub(crate) fn into_record(self) -> RejectRecord {
        RejectRecord {
            line: self.line,
            pointer: self.fault.pointer,
            code: self.fault.code.as_str(),
            reason: self.fault.detail,
            raw: self.raw,
        }
    }
}

/// Splits a stream into records and reads each.
pub(crate) struct RecordReader {
    format: Format,
    max_line: usize,
    max_text: usize,
    /// The record so far, at most `max_line` and a carriage return.
    buffer: Vec<u8>,
    overflowed: bool,
    /// The physical line on which the record began.
    first_line: u64,
    line: u64,
}

enum Format {
    Ndjson,
    Csv(Csv),
}

impl RecordReader {
    pub(crate) fn new(format: ImportFormat, max_line: usize, max_text: usize) -> Self {
        Self {
            format: match format {
                ImportFormat::Ndjson => Format::Ndjson,
                ImportFormat::Csv => Format::Csv(Csv::default()),
            },
            max_line,
            max_text,
            buffer: Vec::new(),
            overflowed: false,
            first_line: 1,
            line: 1,
        }
    }

    /// Takes the next bytes and adds the records that they complete to `out`.
    ///
    /// # Errors
    /// Where the CSV header is wrong.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<Record>) -> Result<(), Refusal> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.take(line);
            bytes = &rest[1..];
            self.line += 1;
            let inside_quotes = match &mut self.format {
                Format::Ndjson => false,
                Format::Csv(csv) => csv.splitter.inside_quotes(),
            };
            if inside_quotes {
                self.take(b"\n");
            } else {
                out.extend(self.end_record(false)?);
            }
        }
        self.take(bytes);
        Ok(())
    }

    /// Takes the end of the stream.
    ///
    /// # Errors
    /// Where the CSV header is wrong.
    pub(crate) fn finish(&mut self, out: &mut Vec<Record>) -> Result<(), Refusal> {
        out.extend(self.end_record(true)?);
        Ok(())
    }

    /// A reader of these whole lines of NDJSON, which this one, at the beginning of a line, passes over.
    pub(super) fn jump_over(&mut self, lines: &[u8]) -> Self {
        let reader = Self {
            first_line: self.line,
            line: self.line,
            ..Self::new(ImportFormat::Ndjson, self.max_line, self.max_text)
        };
        self.line += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.first_line = self.line;
        reader
    }

    /// The records of whole lines of NDJSON.
    pub(super) fn read_lines(mut self, lines: &[u8]) -> Vec<Record> {
        let mut records = Vec::new();
        self.feed(lines, &mut records)
            .expect("only a CSV header can be refused");
        records
    }

    fn take(&mut self, bytes: &[u8]) {
        if let Format::Csv(csv) = &mut self.format {
            csv.splitter.take(bytes);
        }
        // One byte more than the limit, since a carriage return at the end does not count.
        let room = (self.max_line + 1).saturating_sub(self.buffer.len());
        let (kept, over) = bytes.split_at(bytes.len().min(room));
        self.buffer.extend_from_slice(kept);
        self.overflowed |= !over.is_empty();
    }

    fn end_record(&mut self, at_end: bool) -> Result<Option<Record>, Refusal> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let line = std::mem::replace(&mut self.first_line, self.line);
        let unclosed = match &mut self.format {
            Format::Ndjson => false,
            Format::Csv(csv) => csv.splitter.end_record(),
        };
        let mut bytes: &[u8] = &buffer;
        if line == 1 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        if !self.overflowed {
            bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        }
        let too_long = std::mem::take(&mut self.overflowed) || bytes.len() > self.max_line;
        let read = if unclosed {
            Err(line_fault(FaultCode::BadCsv, "a quoted cell is never closed"))
        } else if too_long {
            let detail = format!("a record holds at most {} bytes", self.max_line);
            Err(line_fault(FaultCode::LineTooLong, detail))
        } else {
            std::str::from_utf8(bytes).map_err(|_| line_fault(FaultCode::BadUtf8, "the record is not UTF-8"))
        };
        if read.as_ref().is_ok_and(|text| text.trim().is_empty()) {
            return Ok(None);
        }
        let event = match &mut self.format {
            Format::Csv(csv) if !csv.has_header() => {
                csv.read_header(read, at_end)?;
                return Ok(None);
            }
            Format::Csv(csv) => read.and_then(|text| csv.read(text, self.max_text)),
            Format::Ndjson => read.and_then(|text| ndjson::read(text, self.max_text)),
        };
        let record = event.map_err(|fault| Rejected {
            line,
            fault,
            raw: raw(bytes),
        });
        buffer.clear();
        self.buffer = buffer;
        Ok(Some(record))
    }
}

/// A fault of a whole record.
pub(super) fn line_fault(code: FaultCode, detail: impl Into<String>) -> Fault {
    Fault {
        pointer: "#".to_owned(),
        code,
        detail: detail.into(),
    }
}

/// The first bytes of a record as text of at most [`MAX_RAW`] bytes.
fn raw(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_RAW)]).into_owned();
    text.truncate(text.floor_char_boundary(MAX_RAW));
    text
}
