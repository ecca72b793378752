-- What the jobs of one batch have become, written once with it. A number of the last change with each job cost an
-- index two entries at every step of every job.
DROP INDEX jobs_by_change;
ALTER TABLE jobs DROP COLUMN change_seq;
CREATE TABLE changes (
    -- The number of the batch's last change. Numbers are dense, and meta holds the highest.
    last INTEGER PRIMARY KEY,
    -- For each change the job's id, its revision and whether it has ended; see changes.rs.
    jobs BLOB NOT NULL
);
