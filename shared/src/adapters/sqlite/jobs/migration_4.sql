-- What the jobs of one batch have become, written once with it. The number of the last change with each job cost an
-- index two entries at every step of every job. jobs.change_seq is 0 from now on, and stays for a process of an earlier
-- version that is still running: it goes on accepting.
DROP INDEX jobs_by_change;
CREATE TABLE changes (
    -- The number of the batch's last change. Numbers are dense, and meta holds the highest.
    last INTEGER PRIMARY KEY,
    -- For each change the job's id, its revision and whether it has ended; see changes.rs.
    jobs BLOB NOT NULL
);
