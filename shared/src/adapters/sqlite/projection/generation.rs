//! The generations of the counts' tables (P20): one is read and folded into, the next one is made beside it by a
//! rebuild and takes its place in one transaction.

use std::fmt;

use rusqlite::{Connection, OptionalExtension};

use super::fault::Fault;
use super::position;
use crate::ports::RebuildTicket;

/// Which tables a statement means: written before a table's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tables {
    /// Those that are read.
    Present,
    /// Those of a rebuild.
    Next,
}

impl fmt::Display for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Present => "",
            Self::Next => "next_",
        })
    }
}

/// All tables of a generation.
const TABLES: [&str; 11] = [
    "positions",
    "quarantine",
    "corrections",
    "counted_ranges",
    "counted_ids",
    "known_users",
    "places",
    "spellings",
    "place_users",
    "events",
    "totals",
];

/// The generation that is read.
pub(super) fn present(file: &Connection) -> rusqlite::Result<i64> {
    file.prepare_cached("SELECT present FROM generations")?
        .query_row([], |row| row.get(0))
}

/// Makes the next generation, empty, and fences every earlier rebuild.
pub(super) fn begin(file: &Connection) -> rusqlite::Result<RebuildTicket> {
    drop_next(file)?;
    let rebuild: i64 = file
        .prepare_cached("UPDATE generations SET rebuild = rebuild + 1 RETURNING rebuild")?
        .query_row([], |row| row.get(0))?;
    file.execute_batch(include_str!("next_generation.sql"))?;
    // Tables are renamed with the flip; the name of an index stays, and has to be another one for the next rebuild.
    file.execute_batch(&format!(
        "CREATE INDEX places_by_key_{rebuild} ON next_places (level, country, state, city)"
    ))?;
    Ok(RebuildTicket(rebuild))
}

/// Refuses a rebuild that another one has followed, or that has ended.
pub(super) fn check(file: &Connection, ticket: RebuildTicket) -> Result<(), Fault> {
    let begun: i64 = file
        .prepare_cached("SELECT rebuild FROM generations")?
        .query_row([], |row| row.get(0))?;
    let made = file
        .prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'next_positions'")?
        .query_row([], |_| Ok(()))
        .optional()?;
    if begun == ticket.0 && made.is_some() {
        Ok(())
    } else {
        Err(Fault::Fenced)
    }
}

/// Puts the next generation in the place of the present one, unless a partition not among `lost` would step back.
pub(super) fn flip(file: &Connection, lost: &[i32]) -> rusqlite::Result<bool> {
    let next = position::all(file, Tables::Next)?;
    let behind = position::all(file, Tables::Present)?.iter().any(|present| {
        let next = next.iter().find(|next| next.partition == present.partition);
        !lost.contains(&present.partition) && next.map_or(0, |next| next.next_offset) < present.next_offset
    });
    if behind {
        return Ok(false);
    }
    // First what counts as a change: a writer does not see that a caller who failed has changed tables only.
    file.execute_batch(
        "UPDATE generations SET present = present + 1; DELETE FROM stops WHERE who = 'projector'",
    )?;
    for table in TABLES {
        file.execute_batch(&format!(
            "DROP TABLE {table}; ALTER TABLE next_{table} RENAME TO {table}"
        ))?;
    }
    Ok(true)
}

/// Drops the next generation, where there is one.
pub(super) fn drop_next(file: &Connection) -> rusqlite::Result<()> {
    for table in TABLES {
        file.execute_batch(&format!("DROP TABLE IF EXISTS next_{table}"))?;
    }
    // Of a rebuild that a program began before the third migration.
    file.execute_batch("DROP TABLE IF EXISTS next_users")
}

#[cfg(test)]
mod tests {
    use super::super::SCHEMA;
    use super::*;

    /// Every table with its columns and indexes, whatever the indexes are called.
    fn shape(file: &Connection) -> Vec<String> {
        let mut shape: Vec<String> = file
            .prepare(
                "SELECT tables.name || tables.wr || ' ' || columns.name || ' ' || columns.type || columns.\"notnull\"
                   || coalesce(columns.dflt_value, '') || columns.pk
                 FROM pragma_table_list AS tables JOIN pragma_table_xinfo(tables.name) AS columns
                 UNION ALL
                 SELECT indexes.tbl_name || ' by ' || columns.name || columns.seqno
                 FROM sqlite_schema AS indexes JOIN pragma_index_info(indexes.name) AS columns
                 WHERE indexes.type = 'index'",
            )
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        shape.sort();
        shape
    }

    #[test]
    fn p20_a_flip_leaves_the_tables_as_the_migrations_make_them() {
        let file = Connection::open_in_memory().unwrap();
        for migration in SCHEMA.migrations {
            file.execute_batch(migration).unwrap();
        }
        let fresh = shape(&file);
        assert!(
            fresh.iter().any(|line| line.starts_with("places by level")),
            "{fresh:#?}"
        );
        for _ in 0..2 {
            begin(&file).unwrap();
            assert!(flip(&file, &[]).unwrap());
            assert_eq!(shape(&file), fresh);
        }
        assert_eq!(present(&file).unwrap(), 3);
    }
}
