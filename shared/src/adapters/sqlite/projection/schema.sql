-- The projection: every event once, counts by place, and the offsets that they include.
-- Users are kept as hashes: counting needs to tell them apart, not to name them.

-- How far each partition is folded, and the last record read there (P17).
CREATE TABLE positions (
    partition         INTEGER PRIMARY KEY,
    next_offset       INTEGER NOT NULL,
    last_offset       INTEGER,
    last_event_id     TEXT,
    last_timestamp_ms INTEGER
) STRICT;

-- Who may fold (P16).
CREATE TABLE duties (
    name          TEXT PRIMARY KEY,
    worker        TEXT NOT NULL,
    token         INTEGER NOT NULL,
    until_boot_ms INTEGER NOT NULL,
    boot_id       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Applied events (P15): ordinals of a root job as ranges, so that a whole job is one row; `above` is excluded.
CREATE TABLE applied_ranges (
    root  BLOB NOT NULL,
    first INTEGER NOT NULL,
    above INTEGER NOT NULL,
    PRIMARY KEY (root, first)
) STRICT, WITHOUT ROWID;

-- Applied events with an id of the client's, as a hash of user and id.
CREATE TABLE applied_client_ids (
    hash BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE countries (
    id      INTEGER PRIMARY KEY,
    country TEXT NOT NULL UNIQUE,
    users   INTEGER NOT NULL DEFAULT 0,
    events  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A state in its country; '' where events carry none.
CREATE TABLE regions (
    id      INTEGER PRIMARY KEY,
    country INTEGER NOT NULL REFERENCES countries (id),
    state   TEXT NOT NULL,
    users   INTEGER NOT NULL DEFAULT 0,
    events  INTEGER NOT NULL DEFAULT 0,
    UNIQUE (country, state)
) STRICT;

CREATE TABLE places (
    id     INTEGER PRIMARY KEY,
    region INTEGER NOT NULL REFERENCES regions (id),
    city   TEXT NOT NULL,
    users  INTEGER NOT NULL DEFAULT 0,
    events INTEGER NOT NULL DEFAULT 0,
    UNIQUE (region, city)
) STRICT;

CREATE TABLE region_spellings (
    region INTEGER NOT NULL,
    text   TEXT NOT NULL,
    events INTEGER NOT NULL,
    PRIMARY KEY (region, text)
) STRICT, WITHOUT ROWID;

CREATE TABLE place_spellings (
    place  INTEGER NOT NULL,
    text   TEXT NOT NULL,
    events INTEGER NOT NULL,
    PRIMARY KEY (place, text)
) STRICT, WITHOUT ROWID;

-- Who was seen where, at each level of grouping: distinct users are counted when they are new.
CREATE TABLE users (user BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE country_users (country INTEGER, user BLOB, PRIMARY KEY (country, user)) STRICT, WITHOUT ROWID;
CREATE TABLE region_users (region INTEGER, user BLOB, PRIMARY KEY (region, user)) STRICT, WITHOUT ROWID;
CREATE TABLE place_users (place INTEGER, user BLOB, PRIMARY KEY (place, user)) STRICT, WITHOUT ROWID;

CREATE TABLE totals (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    users  INTEGER NOT NULL,
    events INTEGER NOT NULL
) STRICT;
INSERT INTO totals VALUES (1, 0, 0);

-- Every event, in the order of its own time: reports with `from` and `to` read a range of it.
CREATE TABLE events (
    time_ms   INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    offset    INTEGER NOT NULL,
    place     INTEGER NOT NULL,
    user      BLOB NOT NULL,
    PRIMARY KEY (time_ms, partition, offset)
) STRICT, WITHOUT ROWID;

-- Records that are foreign or broken (P19).
CREATE TABLE quarantine (
    partition INTEGER NOT NULL,
    offset    INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    bytes     BLOB NOT NULL,
    PRIMARY KEY (partition, offset)
) STRICT, WITHOUT ROWID;
