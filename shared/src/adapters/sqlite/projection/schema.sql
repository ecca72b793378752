-- Who may fold (P16). A released lease keeps its row, so that the token goes on rising.
CREATE TABLE projector (
  one           INTEGER PRIMARY KEY CHECK (one = 1),
  worker        TEXT,
  token         INTEGER NOT NULL,
  boot_id       TEXT    NOT NULL,
  until_boot_ms INTEGER NOT NULL
);

CREATE TABLE positions (
  partition         INTEGER PRIMARY KEY,
  next_offset       INTEGER NOT NULL,
  last_offset       INTEGER,
  last_event_id     TEXT,
  last_timestamp_ms INTEGER
);

CREATE TABLE quarantine (
  partition INTEGER NOT NULL,
  offset    INTEGER NOT NULL,
  reason    TEXT    NOT NULL,
  bytes     BLOB    NOT NULL,
  PRIMARY KEY (partition, offset)
);

-- P15: the ordinals [lo, hi) of a root job that are counted. Ranges neither overlap nor touch.
CREATE TABLE counted_ranges (
  root BLOB    NOT NULL,
  lo   INTEGER NOT NULL,
  hi   INTEGER NOT NULL CHECK (hi > lo),
  PRIMARY KEY (root, lo)
) WITHOUT ROWID;

-- P15: the hashes of (user, client's event id) that are counted.
CREATE TABLE counted_ids (
  id BLOB PRIMARY KEY
) WITHOUT ROWID;

-- Numbers for the hashes of user ids: 1 to totals.users.
CREATE TABLE users (
  hash BLOB    PRIMARY KEY,
  id   INTEGER NOT NULL
) WITHOUT ROWID;

-- One row for each city, each state and each country. Without a state its column is NULL.
CREATE TABLE places (
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
CREATE INDEX places_by_key ON places (level, country, state, city);

CREATE TABLE spellings (
  place  INTEGER NOT NULL,
  text   TEXT    NOT NULL,
  events INTEGER NOT NULL,
  PRIMARY KEY (place, text)
) WITHOUT ROWID;

-- The users of each place of each level.
CREATE TABLE place_users (
  place INTEGER NOT NULL,
  user  INTEGER NOT NULL,
  PRIMARY KEY (place, user)
) WITHOUT ROWID;

-- The rows lie in the order of their time, so the table is its own index; n tells equal times apart.
CREATE TABLE events (
  time_ms INTEGER NOT NULL,
  n       INTEGER NOT NULL,
  place   INTEGER NOT NULL,
  user    INTEGER NOT NULL,
  PRIMARY KEY (time_ms, n)
) WITHOUT ROWID;

CREATE TABLE totals (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  users  INTEGER NOT NULL,
  events INTEGER NOT NULL
);
INSERT INTO totals (one, users, events) VALUES (1, 0, 0);
