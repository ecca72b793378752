//! Each broken rule is noticed by the simulation, and the same seeds break nothing when the rule is kept.
