-- Schedules, and who has got which mail.

CREATE TABLE schedules (
    id BLOB PRIMARY KEY,
    -- What it makes, and when, as JSON.
    rule TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    -- Wall clock: the first slot that was neither fired nor left out. It only rises (P8).
    next_ms INTEGER NOT NULL,
    last_slot_ms INTEGER,
    last_job BLOB
) WITHOUT ROWID;
CREATE INDEX schedules_by_next ON schedules (next_ms);

-- P23: kept by the root of the retries, as long as one of its jobs is there.
CREATE TABLE mailed (
    root BLOB NOT NULL,
    recipient TEXT NOT NULL,
    PRIMARY KEY (root, recipient)
) WITHOUT ROWID;
