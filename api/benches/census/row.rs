//! A row of the table: a figure, the limit beside it, and the goal.

use std::fmt;

use serde::Serialize;

use crate::measure::Samples;

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
    AtLeast(f64),
    /// Not more than this.
    AtMost(f64),
    /// Not less than this share of the limit.
    AtLeastOfLimit(f64),
    /// Not more than this multiple of the limit.
    AtMostOfLimit(f64),
}

impl Row {
    /// The figure's median as a multiple of the limit's, or of the goal where that is a number by itself.
    pub(crate) fn ratio(&self) -> Option<f64> {
        let figure = self.figure.median();
        match (&self.limit, self.goal) {
            (Some(limit), _) => Some(figure / limit.samples.median()),
            (None, Some(Goal::AtLeast(bound) | Goal::AtMost(bound))) => Some(figure / bound),
            (None, _) => None,
        }
    }

    /// Whether the median reaches the goal; none without a goal.
    pub(crate) fn met(&self) -> Option<bool> {
        let figure = self.figure.median();
        let ratio = self.ratio().unwrap_or(f64::NAN);
        Some(match self.goal? {
            Goal::AtLeast(bound) => figure >= bound,
            Goal::AtMost(bound) => figure <= bound,
            Goal::AtLeastOfLimit(share) => ratio >= share,
            Goal::AtMostOfLimit(multiple) => ratio <= multiple,
        })
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, "≥ {bound}"),
            Self::AtMost(bound) => write!(f, "≤ {bound}"),
            Self::AtLeastOfLimit(share) => write!(f, "≥ {share} × limit"),
            Self::AtMostOfLimit(multiple) => write!(f, "≤ {multiple} × limit"),
        }
    }
}
