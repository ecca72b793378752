//! The tables of the job store. A change joins as a further migration; none is ever edited (P24).

use crate::adapters::sqlite::Schema;

/// The job store's file.
pub(super) const SCHEMA: Schema = Schema {
    name: "jobs",
    migrations: &[include_str!("schema.sql")],
};
