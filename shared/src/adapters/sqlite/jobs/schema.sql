-- The job store. Times named *_ms are wall-clock; those named *_boot_ms count from the host's boot (P8).

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- Cleaned events and rejects of a root job; under `upload` while the body is still coming in (P1).
CREATE TABLE inputs (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    upload              BLOB UNIQUE,
    lease_until_boot_ms INTEGER
) STRICT;
CREATE INDEX inputs_staged ON inputs (lease_until_boot_ms) WHERE upload IS NOT NULL;

CREATE TABLE chunks (
    input         INTEGER NOT NULL REFERENCES inputs (id) ON DELETE CASCADE,
    task          INTEGER NOT NULL,
    first_ordinal INTEGER NOT NULL,
    events        INTEGER NOT NULL,
    body          BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX chunks_in_order ON chunks (input, task, first_ordinal);

CREATE TABLE rejects (
    input   INTEGER NOT NULL REFERENCES inputs (id) ON DELETE CASCADE,
    line    INTEGER NOT NULL,
    pointer TEXT NOT NULL,
    code    TEXT NOT NULL,
    reason  TEXT NOT NULL,
    raw     TEXT NOT NULL,
    PRIMARY KEY (input, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              BLOB NOT NULL UNIQUE,
    kind            TEXT NOT NULL,
    request         TEXT NOT NULL,
    root            BLOB NOT NULL,
    retry_of        BLOB,
    input           INTEGER REFERENCES inputs (id),
    trace           TEXT NOT NULL,
    state           TEXT NOT NULL,
    revision        INTEGER NOT NULL DEFAULT 1,
    change_no       INTEGER NOT NULL UNIQUE,
    open_tasks      INTEGER NOT NULL,
    succeeded_tasks INTEGER NOT NULL DEFAULT 0,
    failed_tasks    INTEGER NOT NULL DEFAULT 0,
    awaited_jobs    INTEGER NOT NULL DEFAULT 0,
    received        INTEGER NOT NULL,
    rejected        INTEGER NOT NULL,
    published       INTEGER NOT NULL DEFAULT 0,
    progress_boot_ms INTEGER NOT NULL DEFAULT 0,
    created_ms      INTEGER NOT NULL,
    started_ms      INTEGER,
    ended_ms        INTEGER,
    expires_ms      INTEGER,
    error_code      TEXT,
    error_detail    TEXT,
    report          TEXT
) STRICT;
CREATE INDEX jobs_by_kind ON jobs (kind, seq);
CREATE INDEX jobs_by_state ON jobs (state, seq);

-- Kept by triggers, so that no transition can forget it: admission and metrics never count rows.
CREATE TABLE job_counts (
    kind  TEXT NOT NULL,
    state TEXT NOT NULL,
    jobs  INTEGER NOT NULL,
    PRIMARY KEY (kind, state)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER jobs_counted_when_made AFTER INSERT ON jobs BEGIN
    INSERT INTO job_counts VALUES (new.kind, new.state, 1)
        ON CONFLICT DO UPDATE SET jobs = jobs + 1;
END;
CREATE TRIGGER jobs_counted_when_moved AFTER UPDATE OF state ON jobs WHEN old.state <> new.state BEGIN
    UPDATE job_counts SET jobs = jobs - 1 WHERE kind = old.kind AND state = old.state;
    INSERT INTO job_counts VALUES (new.kind, new.state, 1)
        ON CONFLICT DO UPDATE SET jobs = jobs + 1;
END;
CREATE TRIGGER jobs_counted_when_purged AFTER DELETE ON jobs BEGIN
    UPDATE job_counts SET jobs = jobs - 1 WHERE kind = old.kind AND state = old.state;
END;

CREATE TABLE tasks (
    job                 INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    task                INTEGER NOT NULL,
    queue               TEXT NOT NULL,
    state               TEXT NOT NULL,
    events              INTEGER NOT NULL,
    published           INTEGER NOT NULL DEFAULT 0,
    due_boot_ms         INTEGER NOT NULL,
    dispatch_no         INTEGER NOT NULL DEFAULT 0,
    sent_boot_ms        INTEGER,
    sends               INTEGER NOT NULL DEFAULT 0,
    lease_token         INTEGER NOT NULL DEFAULT 0,
    lease_nonce         INTEGER NOT NULL DEFAULT 0,
    lease_until_boot_ms INTEGER,
    attempts            INTEGER NOT NULL DEFAULT 0,
    failures            INTEGER NOT NULL DEFAULT 0,
    parked_on           TEXT,
    parked              TEXT,
    deadline_ms         INTEGER,
    PRIMARY KEY (job, task)
) STRICT, WITHOUT ROWID;
-- A partial index serves only a query that repeats its condition word for word.
CREATE INDEX tasks_due ON tasks (queue, due_boot_ms)
    WHERE state = 'queued' AND sent_boot_ms IS NULL AND parked_on IS NULL;
CREATE INDEX tasks_sent ON tasks (queue, sent_boot_ms)
    WHERE state = 'queued' AND sent_boot_ms IS NOT NULL;
CREATE INDEX tasks_leased ON tasks (lease_until_boot_ms) WHERE state = 'leased';
CREATE INDEX tasks_parked ON tasks (parked_on) WHERE state = 'queued' AND parked_on IS NOT NULL;
CREATE INDEX tasks_with_deadline ON tasks (deadline_ms) WHERE state = 'queued' AND deadline_ms IS NOT NULL;

CREATE TABLE attempts (
    job        INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    claim_no   INTEGER NOT NULL,
    task       INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    worker     TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms   INTEGER,
    error      TEXT,
    PRIMARY KEY (job, claim_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipts (
    job            INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    topic          TEXT NOT NULL,
    partition      INTEGER NOT NULL,
    first_offset   INTEGER,
    last_offset    INTEGER,
    events         INTEGER NOT NULL,
    without_offset INTEGER NOT NULL,
    PRIMARY KEY (job, topic, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE report_rows (
    job     INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    place   INTEGER NOT NULL,
    country TEXT NOT NULL,
    state   TEXT,
    city    TEXT,
    users   INTEGER NOT NULL,
    events  INTEGER NOT NULL,
    PRIMARY KEY (job, place)
) STRICT, WITHOUT ROWID;

-- Which report waits for the end of which job.
CREATE TABLE waits (
    awaited INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    waiter  INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    PRIMARY KEY (awaited, waiter)
) STRICT, WITHOUT ROWID;
CREATE INDEX waits_by_waiter ON waits (waiter);

-- The highest acknowledged offset of each partition and the event there (P17).
CREATE TABLE log_marks (
    partition INTEGER PRIMARY KEY,
    offset    INTEGER NOT NULL,
    event_id  TEXT NOT NULL
) STRICT;

-- Duties that one process of the host has at a time.
CREATE TABLE duties (
    name           TEXT PRIMARY KEY,
    worker         TEXT NOT NULL,
    until_boot_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Ids of purged jobs.
CREATE TABLE tombstones (
    id        BLOB PRIMARY KEY,
    purged_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
