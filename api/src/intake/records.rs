//! What a streamed body consists of: events and rejects, in the order of the input.

use shared::event::{CleanEvent, Fault, FaultCode, RawEvent};
use shared::ports::RejectRecord;

use super::csv::CsvRecords;
use super::lines::Line;
use super::ndjson::NdjsonRecords;
use crate::refusal::{Refusal, RefusalCode};
use crate::submit::ImportFormat;

/// Bytes of a record that its reject keeps.
const RAW_BYTES_MAX: usize = 1024;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// An event, at its place among the non-blank records, from 0 (P11).
    Event { ordinal: u64, event: CleanEvent },
    /// A record that was refused.
    Reject(RejectRecord),
}

/// A fault of the stream itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamFault {
    /// What is wrong with the CSV header.
    pub(crate) header: String,
}

impl From<StreamFault> for Refusal {
    fn from(fault: StreamFault) -> Self {
        Self::of(RefusalCode::BadCsvHeader, fault.header)
    }
}

/// Cuts, parses and cleans a stream that comes in pieces; memory is bounded by the longest record.
pub(crate) enum Records {
    Ndjson(NdjsonRecords),
    Csv(Box<CsvRecords>),
}

impl Records {
    /// Records of a stream of this format.
    pub(crate) fn new(format: ImportFormat, max_line_bytes: usize, max_text: usize) -> Self {
        let cleaning = Cleaning {
            max_line_bytes,
            max_text,
            ordinal: 0,
        };
        match format {
            ImportFormat::Ndjson => Self::Ndjson(NdjsonRecords::new(cleaning)),
            ImportFormat::Csv => Self::Csv(Box::new(CsvRecords::new(cleaning))),
        }
    }

    /// Takes the next piece of the stream.
    pub(crate) fn push(&mut self, piece: &[u8], out: &mut Vec<Record>) -> Result<(), StreamFault> {
        match self {
            Self::Ndjson(records) => {
                records.push(piece, out);
                Ok(())
            }
            Self::Csv(records) => records.push(piece, out),
        }
    }

    /// The stream has ended.
    pub(crate) fn end(&mut self, out: &mut Vec<Record>) -> Result<(), StreamFault> {
        match self {
            Self::Ndjson(records) => {
                records.end(out);
                Ok(())
            }
            Self::Csv(records) => records.end(out),
        }
    }
}

/// What both formats do with a record once it is cut.
pub(super) struct Cleaning {
    pub(super) max_line_bytes: usize,
    max_text: usize,
    ordinal: u64,
}

impl Cleaning {
    /// Cleans a parsed record, or rejects one that could not be parsed.
    pub(super) fn record(&mut self, line: &Line<'_>, parsed: Result<RawEvent, Fault>) -> Record {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        // Of several faults a reject tells the first.
        let cleaned = parsed.and_then(|raw| {
            raw.clean("#", self.max_text).map_err(|faults| {
                faults
                    .into_iter()
                    .next()
                    .expect("a refused event has at least one fault")
            })
        });
        match cleaned {
            Ok(event) => Record::Event { ordinal, event },
            Err(fault) => Record::Reject(RejectRecord {
                line: line.number,
                pointer: fault.pointer,
                code: fault.code.as_str(),
                reason: fault.detail,
                raw: raw_text(line.bytes),
            }),
        }
    }

    /// A fault of the line itself.
    pub(super) fn fault(&self, code: FaultCode) -> Fault {
        Fault {
            pointer: "#".to_owned(),
            code,
            detail: code.sentence(self.max_line_bytes),
        }
    }
}

fn raw_text(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(RAW_BYTES_MAX)]).into_owned();
    text.truncate(text.floor_char_boundary(RAW_BYTES_MAX));
    text
}
