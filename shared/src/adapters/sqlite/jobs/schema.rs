//! The tables of the job store. A change joins as a further migration; none is ever edited (P24).

use crate::adapters::sqlite::Schema;

/// The job store's file.
pub(super) const SCHEMA: Schema = Schema {
    name: "jobs",
    migrations: &[
        include_str!("schema.sql"),
        include_str!("migration_2.sql"),
        include_str!("migration_3.sql"),
        include_str!("migration_4.sql"),
    ],
    cache_kib: Schema::CACHE_KIB,
};

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn no_look_that_repeats_scans_a_table() {
        let connection = Connection::open_in_memory().unwrap();
        for migration in SCHEMA.migrations {
            connection.execute_batch(migration).unwrap();
        }
        for sql in [
            "SELECT count(*) FROM tasks WHERE state = 'queued' AND queue = 'q' AND standing = 'sent'",
            "SELECT min(at_boot_ms) FROM tasks
             WHERE state = 'queued' AND queue = 'q' AND standing = 'unsent' AND at_boot_ms > 1",
            "SELECT jobs.id FROM tasks JOIN jobs ON jobs.seq = tasks.job
             WHERE tasks.state = 'queued' AND tasks.queue = 'q' AND tasks.standing = 'unsent'
               AND tasks.at_boot_ms <= 1 ORDER BY tasks.at_boot_ms, tasks.job, tasks.no LIMIT 1",
            "UPDATE tasks SET resends = 1
             WHERE state = 'queued' AND queue = 'q' AND standing = 'sent' AND at_boot_ms <= 1",
            "SELECT job FROM tasks WHERE state = 'leased' AND lease_until_boot_ms <= 1
             ORDER BY lease_until_boot_ms",
            "SELECT job FROM tasks
             WHERE state = 'queued' AND deadline_boot_ms IS NOT NULL AND deadline_boot_ms <= 1",
            "SELECT jobs FROM changes WHERE last > 1 ORDER BY last",
            "SELECT seq FROM jobs WHERE expires_ms IS NOT NULL AND expires_ms <= 1 ORDER BY expires_ms",
            "SELECT 1 FROM jobs WHERE input = x'00' AND retry_of IS NOT NULL",
            "SELECT id FROM tombstones WHERE until_ms <= 1",
            "SELECT key FROM keys WHERE until_ms <= 1",
            "SELECT id FROM schedules WHERE next_ms <= 1 ORDER BY next_ms LIMIT 1",
            "SELECT recipient FROM mailed WHERE root = x'00'",
            "SELECT seq FROM jobs WHERE kind = 'k' AND state = 's' AND seq < 9 ORDER BY seq DESC",
        ] {
            let plan: Vec<String> = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                .unwrap()
                .query_map([], |row| row.get(3))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let good = |step: &String| step.starts_with("SEARCH");
            assert!(plan.iter().all(good), "{sql}: {plan:?}");
        }
    }
}
