//! A row of the table: a figure, the limit beside it, and the goal.

use serde::Serialize;

use crate::measure::Samples;
use crate::usage::Spent;

/// One measured figure.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// The unit of the figure and of its limit.
    pub(crate) unit: &'static str,
    /// One sample for each repetition.
    pub(crate) figure: Samples,
    /// What bounds the figure, measured in the same run.
    pub(crate) limit: Option<Limit>,
    /// What the figure should be; none for one that stands beside another.
    pub(crate) goal: Option<Goal>,
    /// Where the time went, for each job or event; empty where that is not the subject.
    pub(crate) spent: Spent,
    /// What had to be on the disk.
    pub(crate) durability: &'static str,
}

/// What bounds a figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Limit {
    /// What was measured.
    pub(crate) what: String,
    /// One sample for each repetition.
    pub(crate) samples: Samples,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// Not less than this.
    Least(f64),
    /// Not more than this.
    Most(f64),
    /// Not less than this share of the limit.
    LeastOfLimit(f64),
    /// Not more than this multiple of the limit.
    MostOfLimit(f64),
}

impl Row {
    /// The figure's median as a multiple of the limit's, or of the goal where that is a number by itself.
    pub(crate) fn ratio(&self) -> Option<f64> {
        let figure = self.figure.median();
        match (&self.limit, self.goal) {
            (Some(limit), _) => Some(figure / limit.samples.median()),
            (None, Some(Goal::Least(bound) | Goal::Most(bound))) => Some(figure / bound),
            (None, _) => None,
        }
    }

    /// Whether the median reaches the goal; none without a goal.
    pub(crate) fn met(&self) -> Option<bool> {
        let figure = self.figure.median();
        let ratio = self.ratio().unwrap_or(f64::NAN);
        Some(match self.goal? {
            Goal::Least(bound) => figure >= bound,
            Goal::Most(bound) => figure <= bound,
            Goal::LeastOfLimit(share) => ratio >= share,
            Goal::MostOfLimit(multiple) => ratio <= multiple,
        })
    }
}

impl Goal {
    /// The goal in words; `unit` is that of the figure.
    pub(crate) fn text(self, unit: &str) -> String {
        match self {
            Self::Least(bound) => format!("≥ {bound} {unit}"),
            Self::Most(bound) => format!("≤ {bound} {unit}"),
            Self::LeastOfLimit(share) => format!("≥ {share} × limit"),
            Self::MostOfLimit(multiple) => format!("≤ {multiple} × limit"),
        }
    }
}
