//! CSV that Census writes: answers, and the file that goes with a mail (contract.md §3).

use csv::Writer;

use crate::job::{GroupBy, ReportRow};

/// Records as CSV, RFC 4180 with LF.
///
/// # Panics
/// Never: all records have the same length, and memory takes them.
pub fn csv<const N: usize>(records: impl IntoIterator<Item = [String; N]>) -> Vec<u8> {
    let mut writer = Writer::from_writer(Vec::new());
    for record in records {
        writer
            .write_record(&record)
            .expect("every record has the same length");
    }
    writer.into_inner().expect("writing to memory succeeds")
}

/// Rows of a report as CSV, under their title where it is wanted.
#[must_use]
pub fn report_csv(group_by: GroupBy, rows: &[ReportRow], with_title: bool) -> Vec<u8> {
    let title = ["country", "state", "city", "users", "events"].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        let text = |cell: &Option<String>| harmless(cell.as_deref().unwrap_or_default());
        let (state, city) = (text(&row.state), text(&row.city));
        let [users, events] = [row.users, row.events].map(|count| count.to_string());
        [harmless(&row.country), state, city, users, events]
    });
    let records = with_title.then_some(title).into_iter().chain(cells);
    match group_by {
        GroupBy::City => csv(records),
        GroupBy::State => {
            csv(records.map(|[country, state, _, users, events]| [country, state, users, events]))
        }
        GroupBy::Country => csv(records.map(|[country, _, _, users, events]| [country, users, events])),
    }
}

/// A cell that came from a user: never a formula to a spreadsheet.
#[must_use]
pub fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}
