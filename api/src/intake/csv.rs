//! CSV as of RFC 4180 with a header.

use csv_core::{ReadRecordResult, Reader};
use shared::event::{Fault, FaultCode, RawAddress, RawEvent, RawText};

use super::lines::{Line, Lines};
use super::records::{Cleaning, Record, StreamFault};

/// Columns that a header must have, in the order of [`Columns`].
const REQUIRED: [&str; 6] = ["id", "city", "state", "country", "postCode", "datetime"];
const EVENT_ID: &str = "event_id";
/// Columns of a record; a header with more is refused.
const COLUMNS_MAX: usize = 1_000;

/// Records of a CSV stream.
pub(crate) struct CsvRecords {
    lines: Lines,
    rows: Rows,
}

/// What follows the cutting into records.
struct Rows {
    cleaning: Cleaning,
    splitter: Splitter,
    header: Option<Columns>,
}

/// Where the header has put the columns.
struct Columns {
    count: usize,
    required: [usize; 6],
    event_id: Option<usize>,
}

impl CsvRecords {
    pub(super) fn new(cleaning: Cleaning) -> Self {
        let lines = Lines::new(true, cleaning.max_line_bytes);
        Self {
            lines,
            rows: Rows {
                cleaning,
                splitter: Splitter::new(),
                header: None,
            },
        }
    }

    pub(super) fn push(&mut self, piece: &[u8], out: &mut Vec<Record>) -> Result<(), StreamFault> {
        let Self { lines, rows } = self;
        lines.push(piece, |line| rows.take(&line, out))
    }

    pub(super) fn end(&mut self, out: &mut Vec<Record>) -> Result<(), StreamFault> {
        let Self { lines, rows } = self;
        lines.end(|line| rows.take(&line, out))
    }
}

impl Rows {
    fn take(&mut self, line: &Line<'_>, out: &mut Vec<Record>) -> Result<(), StreamFault> {
        if line.bytes.iter().all(u8::is_ascii_whitespace) && !line.too_long {
            return Ok(());
        }
        let cells = self.cells(line);
        let Some(columns) = &self.header else {
            self.header = Some(read_header(cells)?);
            return Ok(());
        };
        let parsed = cells.and_then(|cells| {
            if cells.len() == columns.count {
                Ok(columns.event(&cells))
            } else {
                Err(self.cleaning.fault(FaultCode::BadColumns))
            }
        });
        out.push(self.cleaning.record(line, parsed));
        Ok(())
    }

    fn cells(&mut self, line: &Line<'_>) -> Result<Vec<String>, Fault> {
        if line.too_long {
            return Err(self.cleaning.fault(FaultCode::LineTooLong));
        }
        let text = std::str::from_utf8(line.bytes).map_err(|_| self.cleaning.fault(FaultCode::BadUtf8))?;
        if line.unclosed || !quotes_are_right(text) {
            return Err(self.cleaning.fault(FaultCode::BadCsv));
        }
        self.splitter
            .split(text)
            .ok_or_else(|| self.cleaning.fault(FaultCode::BadColumns))
    }
}

fn read_header(cells: Result<Vec<String>, Fault>) -> Result<Columns, StreamFault> {
    let wanted = "The first line has to name the columns id, city, state, country, postCode, datetime and, if \
                  wanted, event_id, each once and spelt like this.";
    let fault = |what: &str| StreamFault {
        header: format!("{what} {wanted}"),
    };
    let names = cells.map_err(|cause| fault(&format!("The header {}.", cause.detail)))?;
    let place = |name: &str| {
        let mut places = names
            .iter()
            .enumerate()
            .filter(|(_, column)| column.trim() == name);
        match (places.next(), places.next()) {
            (Some(_), Some(_)) => Err(fault(&format!("The header has the column {name} twice."))),
            (first, _) => Ok(first.map(|(place, _)| place)),
        }
    };
    let mut required = [0; 6];
    for (slot, name) in required.iter_mut().zip(REQUIRED) {
        *slot = place(name)?.ok_or_else(|| fault(&format!("The header misses the column {name}.")))?;
    }
    Ok(Columns {
        count: names.len(),
        required,
        event_id: place(EVENT_ID)?,
    })
}

impl Columns {
    fn event(&self, cells: &[String]) -> RawEvent {
        // An empty cell is absent.
        let cell = |place: usize| match cells[place].as_str() {
            "" => RawText::Absent,
            text => RawText::Text(text.to_owned()),
        };
        let [id, city, state, country, post_code, datetime] = self.required.map(cell);
        RawEvent {
            id,
            address: RawAddress::Members {
                city,
                state,
                country,
                post_code,
            },
            datetime,
            event_id: self.event_id.map_or(RawText::Absent, cell),
        }
    }
}

/// RFC 4180: a quote opens a field at its start, is doubled inside, and closes it at its end.
fn quotes_are_right(record: &str) -> bool {
    enum At {
        FieldStart,
        Plain,
        Quoted,
        Closing,
    }
    let mut at = At::FieldStart;
    for byte in record.bytes() {
        at = match (at, byte) {
            (At::FieldStart | At::Closing, b'"') => At::Quoted,
            (At::FieldStart | At::Plain | At::Closing, b',') => At::FieldStart,
            (At::FieldStart, _) => At::Plain,
            (At::Plain, b'"') | (At::Closing, _) => return false,
            (At::Plain, _) => At::Plain,
            (At::Quoted, b'"') => At::Closing,
            (At::Quoted, _) => At::Quoted,
        };
    }
    !matches!(at, At::Quoted)
}

/// csv-core with the buffers that it wants.
struct Splitter {
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Splitter {
    fn new() -> Self {
        Self {
            reader: Reader::new(),
            text: Vec::new(),
            ends: vec![0; COLUMNS_MAX],
        }
    }

    /// The cells of one well-formed record; `None` when there are too many.
    fn split(&mut self, record: &str) -> Option<Vec<String>> {
        self.reader.reset();
        self.text.resize(record.len() + 1, 0);
        let (mut input, mut written, mut ended) = (record.as_bytes(), 0, 0);
        loop {
            let (result, read, wrote, ends) =
                self.reader
                    .read_record(input, &mut self.text[written..], &mut self.ends[ended..]);
            input = &input[read..];
            written += wrote;
            ended += ends;
            match result {
                // With no input left the next call ends the record.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => return None,
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        let mut start = 0;
        let cells = self.ends[..ended].iter().map(|end| {
            let cell = String::from_utf8_lossy(&self.text[start..*end]).into_owned();
            start = *end;
            cell
        });
        Some(cells.collect())
    }
}
