//! How long it took until all went well again, after each fault.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// Durations by what they follow.
#[derive(Debug, Default)]
pub(super) struct Figures(BTreeMap<String, Vec<Duration>>);

impl Figures {
    pub(super) fn note(&mut self, after: String, took: Duration) {
        self.0.entry(after).or_default().push(took);
    }

    /// A table: how often, the median, the longest.
    pub(super) fn table(mut self) -> String {
        let mut text = format!(
            "{:<52} {:>5} {:>9} {:>9}\n",
            "after", "times", "median", "longest"
        );
        for (after, took) in &mut self.0 {
            took.sort_unstable();
            let (median, longest) = (took[took.len() / 2], took[took.len() - 1]);
            let (median, longest) = (median.as_secs_f64(), longest.as_secs_f64());
            let times = took.len();
            writeln!(text, "{after:<52} {times:>5} {median:>7.1} s {longest:>7.1} s")
                .expect("a String takes every text");
        }
        text
    }
}
