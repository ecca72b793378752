//! CSV after RFC 4180: where a record ends, what its header says, and what its cells hold.

use std::borrow::Cow;

use shared::event::{CleanEvent, Fault, FaultCode, RawAddress, RawEvent, RawText, clean};

use super::records::line_fault;
use crate::refusal::{Refusal, RefusalCode};

const REQUIRED: [&str; 6] = ["id", "city", "state", "country", "postCode", "datetime"];
const EVENT_ID: &str = "event_id";

/// Knows whether a line break belongs to a quoted cell.
#[derive(Default)]
pub(super) struct Splitter(Place);

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    CellStart,
    Plain,
    Quoted,
    /// Behind a quote inside a quoted cell: it closes the cell or is the first of two.
    AfterQuote,
}

impl Splitter {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = match (self.0, byte) {
                (Place::Quoted, b'"') => Place::AfterQuote,
                (Place::Quoted, _) | (Place::CellStart | Place::AfterQuote, b'"') => Place::Quoted,
                (Place::CellStart | Place::Plain | Place::AfterQuote, b',') => Place::CellStart,
                // A byte order mark stands before the first cell, not in it.
                (Place::CellStart, 0xef | 0xbb | 0xbf) => Place::CellStart,
                (Place::CellStart | Place::Plain | Place::AfterQuote, _) => Place::Plain,
            };
        }
    }

    pub(super) fn inside_quotes(&self) -> bool {
        self.0 == Place::Quoted
    }

    /// Begins the next record; says whether this one ended inside quotes.
    pub(super) fn end_record(&mut self) -> bool {
        std::mem::take(&mut self.0) == Place::Quoted
    }
}

/// What a CSV stream is known to hold.
#[derive(Default)]
pub(super) struct Csv {
    pub(super) splitter: Splitter,
    header: Option<Header>,
}

struct Header {
    columns: usize,
    /// Where the columns of [`REQUIRED`] stand.
    required: [usize; 6],
    event_id: Option<usize>,
}

impl Csv {
    pub(super) fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// Reads the first record; `alone` when nothing follows it.
    ///
    /// # Errors
    /// `bad_csv_header`.
    pub(super) fn read_header(&mut self, record: Result<&str, Fault>, alone: bool) -> Result<(), Refusal> {
        let header = record
            .and_then(cells)
            .map_err(|fault| fault.detail)
            .and_then(|cells| Header::of(&cells));
        match header {
            Ok(header) => self.header = Some(header),
            Err(what) => {
                let hint = if alone {
                    "; with curl, send the file by `--data-binary @file`, since `-d` drops line breaks"
                } else {
                    ""
                };
                let detail = format!(
                    "the CSV header is `id,city,state,country,postCode,datetime[,event_id]` in any order: {what}{hint}"
                );
                return Err(Refusal {
                    code: RefusalCode::BadCsvHeader,
                    detail,
                    errors: Vec::new(),
                });
            }
        }
        Ok(())
    }

    /// The event of a record.
    ///
    /// # Errors
    /// Its first fault.
    pub(super) fn read(&self, record: &str, max_text: usize) -> Result<CleanEvent, Fault> {
        let cells = cells(record)?;
        let header = self
            .header
            .as_ref()
            .filter(|header| header.columns == cells.len());
        let Some(header) = header else {
            let wanted = self.header.as_ref().map_or(0, |header| header.columns);
            let detail = format!("the header has {wanted} columns, the record {}", cells.len());
            return Err(line_fault(FaultCode::BadColumns, detail));
        };
        let cell = |place: usize| RawText::of(Some(&*cells[place]).filter(|cell| !cell.is_empty()));
        let [id, city, state, country, post_code, datetime] = header.required.map(cell);
        let raw = RawEvent {
            id,
            address: RawAddress::Members {
                city,
                state,
                country,
                post_code,
            },
            datetime,
            event_id: header.event_id.map(cell).unwrap_or_default(),
        };
        clean(&raw, max_text, "#").map_err(|faults| {
            let first = faults.into_iter().next();
            first.unwrap_or_else(|| line_fault(FaultCode::BadValue, "the event is not valid"))
        })
    }
}

impl Header {
    fn of(cells: &[Cow<'_, str>]) -> Result<Self, String> {
        let mut required = [0; 6];
        for (place, name) in required.iter_mut().zip(REQUIRED) {
            *place = place_of(cells, name)?.ok_or_else(|| format!("the column `{name}` is missing"))?;
        }
        Ok(Self {
            columns: cells.len(),
            required,
            event_id: place_of(cells, EVENT_ID)?,
        })
    }
}

fn place_of(cells: &[Cow<'_, str>], name: &str) -> Result<Option<usize>, String> {
    let mut places = (0..cells.len()).filter(|place| cells[*place] == name);
    let place = places.next();
    if places.next().is_some() {
        return Err(format!("the column `{name}` is there more than once"));
    }
    Ok(place)
}

/// The cells of one record, without the line break at its end.
fn cells(record: &str) -> Result<Vec<Cow<'_, str>>, Fault> {
    let mut cells = Vec::new();
    let mut rest = record;
    loop {
        let cell = if let Some(quoted) = rest.strip_prefix('"') {
            let end = closing_quote(quoted)
                .ok_or_else(|| line_fault(FaultCode::BadCsv, "a quoted cell is never closed"))?;
            rest = &quoted[end + 1..];
            let inner = &quoted[..end];
            if inner.contains('"') {
                Cow::Owned(inner.replace("\"\"", "\""))
            } else {
                Cow::Borrowed(inner)
            }
        } else {
            let (cell, behind) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            rest = behind;
            if cell.contains('"') {
                let detail = "a cell that holds a quote must itself be quoted, and the quote doubled";
                return Err(line_fault(FaultCode::BadCsv, detail));
            }
            Cow::Borrowed(cell)
        };
        cells.push(cell);
        if rest.is_empty() {
            return Ok(cells);
        }
        rest = rest.strip_prefix(',').ok_or_else(|| {
            line_fault(
                FaultCode::BadCsv,
                "a comma or the end of the line must follow a closing quote",
            )
        })?;
    }
}

/// Where the quote stands that closes a cell: the first that is not doubled.
fn closing_quote(quoted: &str) -> Option<usize> {
    let bytes = quoted.as_bytes();
    let mut place = 0;
    loop {
        place += bytes.get(place..)?.iter().position(|byte| *byte == b'"')?;
        if bytes.get(place + 1) != Some(&b'"') {
            return Some(place);
        }
        place += 2;
    }
}
