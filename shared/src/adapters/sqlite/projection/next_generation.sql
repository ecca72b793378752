-- The tables of one generation, empty, as a rebuild begins with them (P20). A migration that changes one of these
-- tables changes it here too; a test compares both.
CREATE TABLE next_positions (
  partition         INTEGER PRIMARY KEY,
  next_offset       INTEGER NOT NULL,
  last_offset       INTEGER,
  last_event_id     TEXT,
  last_timestamp_ms INTEGER
);

CREATE TABLE next_quarantine (
  partition  INTEGER NOT NULL,
  offset     INTEGER NOT NULL,
  reason     TEXT    NOT NULL,
  bytes      BLOB    NOT NULL,
  event_id   TEXT    NOT NULL DEFAULT '',
  size_bytes INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (partition, offset)
);

CREATE TABLE next_corrections (
  partition INTEGER NOT NULL,
  offset    INTEGER NOT NULL,
  PRIMARY KEY (partition, offset)
) WITHOUT ROWID;

CREATE TABLE next_counted_ranges (
  root BLOB    NOT NULL,
  lo   INTEGER NOT NULL,
  hi   INTEGER NOT NULL CHECK (hi > lo),
  PRIMARY KEY (root, lo)
) WITHOUT ROWID;

CREATE TABLE next_counted_ids (
  id BLOB PRIMARY KEY
) WITHOUT ROWID;

-- A user counts at its home, the city of its first event, without a row in next_place_users.
CREATE TABLE next_known_users (
  hash BLOB    PRIMARY KEY,
  id   INTEGER NOT NULL,
  home INTEGER
) WITHOUT ROWID;

CREATE TABLE next_places (
  id         INTEGER PRIMARY KEY,
  level      INTEGER NOT NULL CHECK (level BETWEEN 0 AND 2),
  country    TEXT    NOT NULL,
  state      TEXT,
  city       TEXT,
  in_state   INTEGER,
  in_country INTEGER,
  shown      TEXT,
  users      INTEGER NOT NULL DEFAULT 0,
  events     INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE next_spellings (
  place  INTEGER NOT NULL,
  text   TEXT    NOT NULL,
  events INTEGER NOT NULL,
  PRIMARY KEY (place, text)
) WITHOUT ROWID;

CREATE TABLE next_place_users (
  place INTEGER NOT NULL,
  user  INTEGER NOT NULL,
  PRIMARY KEY (place, user)
) WITHOUT ROWID;

CREATE TABLE next_events (
  time_ms INTEGER NOT NULL,
  n       INTEGER NOT NULL,
  place   INTEGER NOT NULL,
  user    INTEGER NOT NULL,
  PRIMARY KEY (time_ms, n)
) WITHOUT ROWID;

CREATE TABLE next_totals (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  users  INTEGER NOT NULL,
  events INTEGER NOT NULL
);
INSERT INTO next_totals (one, users, events) VALUES (1, 0, 0);
