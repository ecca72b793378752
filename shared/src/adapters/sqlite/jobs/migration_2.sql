-- Keys, retries, removal, labels, deaths, and deadlines on the boot clock.

-- A client's key outlives the job that came of it (contract.md §3).
CREATE TABLE keys (
    key TEXT PRIMARY KEY,
    request BLOB NOT NULL,
    job BLOB NOT NULL,
    until_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX keys_by_end ON keys (until_ms);

CREATE INDEX tombstones_by_end ON tombstones (until_ms);
CREATE INDEX jobs_by_expiry ON jobs (expires_ms) WHERE expires_ms IS NOT NULL;

-- P23: who shares the input of another job, and input that no job has any more.
CREATE INDEX jobs_by_input ON jobs (input) WHERE retry_of IS NOT NULL;
CREATE TABLE orphans (
    owner BLOB PRIMARY KEY
) WITHOUT ROWID;

-- P13: whether the attempt that holds the task runs alone in its process.
ALTER TABLE tasks ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;

-- P8: the wall clock may jump; its deadline says what remains under another boot.
ALTER TABLE tasks ADD COLUMN deadline_boot_ms INTEGER;
DROP INDEX tasks_deadline;
CREATE INDEX tasks_deadline ON tasks (deadline_boot_ms) WHERE state = 'queued' AND deadline_boot_ms IS NOT NULL;

-- Labels as JSON with their job, and by value for lists.
ALTER TABLE jobs ADD COLUMN labels TEXT;
CREATE TABLE job_labels (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    job INTEGER NOT NULL REFERENCES jobs (seq),
    PRIMARY KEY (key, value, job)
) WITHOUT ROWID;
CREATE INDEX labels_by_job ON job_labels (job);
