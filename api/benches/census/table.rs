//! The table of a run as Markdown, to be read at the terminal and pasted into a page.

use std::fmt::Write as _;

use crate::results::Results;
use crate::row::Row;

/// The table, and under it what has to be known to judge it.
pub(crate) fn markdown(results: &Results) -> String {
    let mut text = String::from(
        "\n| case | median (smallest–largest) | limit in the same run | ratio | goal | met | on the disk |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for row in results.rows() {
        text.push_str(&line(row));
    }
    let spent: String = results.rows().filter_map(spent).collect();
    if !spent.is_empty() {
        let _ = write!(text, "\nProcessor time for each job or event:\n\n{spent}");
    }
    let _ = writeln!(text, "\n{}", results.circumstances());
    text
}

fn spent(row: &Row) -> Option<String> {
    let programs: Vec<String> = row
        .spent
        .medians()
        .map(|(program, each_us)| format!("{program} {} µs", number(each_us)))
        .collect();
    (!programs.is_empty()).then(|| format!("- {}: {}\n", row.what, programs.join(", ")))
}

fn line(row: &Row) -> String {
    let figure = &row.figure;
    let median = number(figure.median());
    let (least, most) = (number(figure.smallest()), number(figure.largest()));
    let limit = row.limit.as_ref().map_or_else(
        || "–".to_owned(),
        |limit| format!("{} {} ({})", number(limit.samples.median()), row.unit, limit.what),
    );
    let ratio = row
        .ratio()
        .filter(|_| row.limit.is_some())
        .map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
    let goal = row
        .goal
        .map_or_else(|| "–".to_owned(), |goal| goal.text(row.unit));
    let met = match row.met() {
        None => "–",
        Some(true) => "yes",
        Some(false) => "no",
    };
    format!(
        "| {} | {median} {} ({least}–{most}) | {limit} | {ratio} | {goal} | {met} | {} |\n",
        row.what, row.unit, row.durability
    )
}

/// Three digits that matter, and thousands told apart.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return "?".to_owned();
    }
    if value < 100.0 {
        let decimals = if value < 1.0 {
            3
        } else if value < 10.0 {
            2
        } else {
            1
        };
        return format!("{value:.decimals$}");
    }
    let whole = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
