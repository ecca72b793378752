//! A report becomes a letter: facts for the templates, and all rows as a file.

use std::fmt::Write as _;

use super::template::{FactRow, Facts};
use super::{Attachment, Letter, MailAddress, TemplateFault, Templates};
use crate::job::{GroupBy, JobId, Report, ReportRow};
use crate::time::Timestamp;
use crate::wire::report_csv;

/// Rows that the bodies show.
const ROWS_SHOWN: usize = 50;
/// Rows of the attached file: some 4 MB, which every server takes.
pub const CSV_ROWS_MAX: usize = 100_000;
/// Places that a line of the log names.
const PLACES_LOGGED: usize = 20;

/// What a letter needs beside its report.
#[derive(Clone, Debug)]
pub struct LetterHead<'a> {
    /// The job that every retry of this one goes back to: it names the mail, so that a repeated one is the same.
    pub root: JobId,
    /// Everybody whom it is for.
    pub to: &'a [MailAddress],
    /// The slot of the schedule that asked for the report.
    pub slot: Option<Timestamp>,
    /// Where the job can be read.
    pub link: Option<String>,
}

/// The letter of a report that carries its rows, up to [`CSV_ROWS_MAX`].
///
/// # Errors
/// When a template fails at what this report holds.
pub fn compose(
    report: &Report,
    head: &LetterHead<'_>,
    templates: &Templates,
) -> Result<Letter, TemplateFault> {
    let rendered = templates.render(&facts(report, head))?;
    let (group_by, day) = (report.group_by.as_str(), report.generated_at.to_string());
    Ok(Letter {
        id: format!("report.{}", head.root),
        to: head.to.to_vec(),
        date: report.generated_at,
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
        attachment: Attachment {
            name: format!("report-by-{group_by}-{}.csv", day.get(..10).unwrap_or_default()),
            body: report_csv(report.group_by, &report.rows, true),
        },
        counts: report.places_in_a_line(PLACES_LOGGED),
    })
}

fn facts(report: &Report, head: &LetterHead<'_>) -> Facts {
    let shown = &report.rows[..report.rows.len().min(ROWS_SHOWN)];
    let most = shown.iter().map(|row| row.users).max().unwrap_or_default();
    Facts {
        group_by: report.group_by.as_str(),
        row_name: row_name(report.group_by, report.rows_total),
        generated_at: readable(report.generated_at),
        slot: head.slot.map(readable),
        users: report.users,
        events: report.events,
        rows_total: report.rows_total,
        quarantined: report.quarantined,
        rows: shown.iter().map(|row| fact_row(row, most)).collect(),
        rows_more: report.rows_total.saturating_sub(shown.len() as u64),
        rows_left_out: report.rows_total.saturating_sub(report.rows.len() as u64),
        link: head.link.clone(),
    }
}

fn fact_row(row: &ReportRow, most: u64) -> FactRow {
    let place = row.place();
    let mut line = String::new();
    write!(line, "{:>8} {:>8}  {place}", row.users, row.events).expect("a String takes every text");
    FactRow {
        percent: (row.users.saturating_mul(100) / most.max(1)).max(1),
        users: row.users,
        events: row.events,
        place,
        line,
    }
}

const fn row_name(group_by: GroupBy, rows: u64) -> &'static str {
    match (group_by, rows) {
        (GroupBy::City, 1) => "city",
        (GroupBy::City, _) => "cities",
        (GroupBy::State, 1) => "state",
        (GroupBy::State, _) => "states",
        (GroupBy::Country, 1) => "country",
        (GroupBy::Country, _) => "countries",
    }
}

/// Like `2026-11-24 15:00:05 UTC`.
fn readable(time: Timestamp) -> String {
    time.to_chrono().format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(city: &str, users: u64) -> ReportRow {
        ReportRow {
            country: "DE".to_owned(),
            state: None,
            city: Some(city.to_owned()),
            users,
            events: users * 2,
        }
    }

    fn report(rows: Vec<ReportRow>) -> Report {
        Report {
            group_by: GroupBy::City,
            generated_at: Timestamp::from_millis(1_800_000_000_000),
            users: 7,
            events: 14,
            rows_total: rows.len() as u64,
            quarantined: 0,
            as_of: Vec::new(),
            rows,
        }
    }

    fn letter(report: &Report) -> Letter {
        let head = LetterHead {
            root: JobId(uuid::Uuid::nil()),
            to: &["ann@example.com".parse().unwrap()],
            slot: None,
            link: None,
        };
        compose(report, &head, &Templates::default()).unwrap()
    }

    #[test]
    fn a_letter_shows_the_counts_and_carries_them_all() {
        let made = letter(&report(vec![row("Köln", 4), row("=cmd()", 2), row("<b>", 1)]));
        assert_eq!(made.id, "report.00000000-0000-0000-0000-000000000000");
        assert_eq!(made.subject, "Census report: 7 users in 3 cities");
        assert!(made.text.contains("       4        8  Köln, DE"), "{}", made.text);
        assert!(made.html.contains("width:50%") && made.html.contains("&lt;b&gt;"));
        assert_eq!(made.attachment.name, "report-by-city-2027-01-15.csv");
        let csv = String::from_utf8(made.attachment.body.clone()).unwrap();
        assert_eq!(
            csv,
            "country,state,city,users,events\nDE,,Köln,4,8\nDE,,'=cmd(),2,4\nDE,,<b>,1,2\n"
        );
        assert_eq!(made.counts, "Köln, DE: 4; =cmd(), DE: 2; <b>, DE: 1");
        assert_eq!(
            made,
            letter(&report(vec![row("Köln", 4), row("=cmd()", 2), row("<b>", 1)]))
        );
    }

    #[test]
    fn what_a_letter_does_not_show_is_said() {
        let mut long = report((0..60).map(|n| row(&format!("City {n}"), 60 - n)).collect());
        long.rows_total = 100;
        let made = letter(&long);
        assert!(
            made.text.contains("... and 50 more in the attached file."),
            "{}",
            made.text
        );
        assert!(made.text.contains("The last 40 are not in the file either"));
        assert_eq!(
            made.attachment.body.iter().filter(|byte| **byte == b'\n').count(),
            61
        );
        assert!(
            letter(&report(Vec::new()))
                .text
                .contains("Nothing has been counted yet.")
        );
    }
}
