-- One row: the epoch and the boot under which it was raised (P2), the last change's number.
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    change_seq INTEGER NOT NULL
);
INSERT INTO meta VALUES (1, 0, '', 0);

CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    revision INTEGER NOT NULL,
    change_seq INTEGER NOT NULL,
    open_tasks INTEGER NOT NULL,
    succeeded_tasks INTEGER NOT NULL DEFAULT 0,
    failed_tasks INTEGER NOT NULL DEFAULT 0,
    received INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    published INTEGER NOT NULL DEFAULT 0,
    -- Boot clock: when progress last moved the revision.
    progress_boot_ms INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    started_ms INTEGER,
    ended_ms INTEGER,
    expires_ms INTEGER,
    error_code TEXT,
    error_detail TEXT,
    root BLOB NOT NULL,
    retry_of BLOB,
    -- Who owns the chunks and rejects: the upload, or the root job itself (P23).
    input BLOB NOT NULL,
    trace TEXT NOT NULL,
    request TEXT NOT NULL
);
CREATE INDEX jobs_by_change ON jobs (change_seq);
CREATE INDEX jobs_by_state ON jobs (kind, state, seq);

-- Jobs that have not ended, so that admission and metrics scan nothing.
CREATE TABLE counts (
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (kind, state)
) WITHOUT ROWID;

CREATE TABLE tasks (
    job INTEGER NOT NULL REFERENCES jobs (seq),
    no INTEGER NOT NULL,
    queue TEXT NOT NULL,
    state TEXT NOT NULL,
    -- Of a queued task: unsent, sent, jobs (parked until jobs end), bound (parked until the bound is reached).
    standing TEXT NOT NULL,
    -- Boot clock: when an unsent task comes due, when a sent one was sent.
    at_boot_ms INTEGER NOT NULL,
    dispatch_no INTEGER NOT NULL DEFAULT 1,
    resends INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0,
    nonce INTEGER,
    lease_until_boot_ms INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    events INTEGER NOT NULL,
    published INTEGER NOT NULL DEFAULT 0,
    deadline_ms INTEGER,
    parked TEXT,
    PRIMARY KEY (job, no)
) WITHOUT ROWID;
CREATE INDEX tasks_queued ON tasks (queue, standing, at_boot_ms) WHERE state = 'queued';
CREATE INDEX tasks_leased ON tasks (lease_until_boot_ms) WHERE state = 'leased';
CREATE INDEX tasks_deadline ON tasks (deadline_ms) WHERE state = 'queued' AND deadline_ms IS NOT NULL;

CREATE TABLE attempts (
    job INTEGER NOT NULL REFERENCES jobs (seq),
    task INTEGER NOT NULL,
    n INTEGER NOT NULL,
    worker TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    error TEXT,
    -- The job's revision before the claim: the order of attempts, since the wall clock may step back (P8).
    revision INTEGER NOT NULL,
    PRIMARY KEY (job, task, n)
) WITHOUT ROWID;

-- A swept upload is remembered for a while, so that its late chunks are refused.
CREATE TABLE uploads (
    id BLOB PRIMARY KEY,
    lease_until_boot_ms INTEGER NOT NULL,
    swept INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE chunks (
    owner BLOB NOT NULL,
    task INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    first_ordinal INTEGER NOT NULL,
    events INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX chunks_by_owner ON chunks (owner, task, idx);

CREATE TABLE rejects (
    id INTEGER PRIMARY KEY,
    owner BLOB NOT NULL,
    line INTEGER NOT NULL,
    pointer TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    raw TEXT NOT NULL
);
CREATE INDEX rejects_by_owner ON rejects (owner);

CREATE TABLE receipts (
    job INTEGER NOT NULL REFERENCES jobs (seq),
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    first_offset INTEGER,
    last_offset INTEGER,
    events INTEGER NOT NULL,
    without_offset INTEGER NOT NULL,
    PRIMARY KEY (job, topic, partition)
) WITHOUT ROWID;

CREATE TABLE log_marks (
    partition INTEGER PRIMARY KEY,
    record_offset INTEGER NOT NULL,
    event_id TEXT NOT NULL
);

-- The report without its rows, as JSON.
CREATE TABLE reports (
    job INTEGER PRIMARY KEY REFERENCES jobs (seq),
    header TEXT NOT NULL
);
CREATE TABLE report_rows (
    job INTEGER NOT NULL REFERENCES jobs (seq),
    n INTEGER NOT NULL,
    country TEXT NOT NULL,
    state TEXT,
    city TEXT,
    users INTEGER NOT NULL,
    events INTEGER NOT NULL,
    PRIMARY KEY (job, n)
) WITHOUT ROWID;

-- A report waits for the end of a job; the row goes with that end.
CREATE TABLE waits (
    awaited INTEGER NOT NULL,
    waiter INTEGER NOT NULL,
    PRIMARY KEY (awaited, waiter)
) WITHOUT ROWID;
CREATE INDEX waits_by_waiter ON waits (waiter);

CREATE TABLE rescuer (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    worker TEXT NOT NULL,
    until_boot_ms INTEGER NOT NULL
);

-- Purged jobs that are still remembered.
CREATE TABLE tombstones (
    id BLOB PRIMARY KEY,
    until_ms INTEGER NOT NULL
) WITHOUT ROWID;
