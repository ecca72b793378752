-- P20: readers and the projector use the tables of the present generation, whose names have no prefix. A rebuild
-- folds into tables of the prefix next_ (next_generation.sql), which take over those names in one transaction.
CREATE TABLE generations (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  present INTEGER NOT NULL,
  -- Rises with each rebuild that begins: the ones before are fenced.
  rebuild INTEGER NOT NULL
);
INSERT INTO generations (one, present, rebuild) VALUES (1, 1, 0);

-- P17: why nobody projects, or nothing is published.
CREATE TABLE stops (
  who      TEXT    PRIMARY KEY CHECK (who IN ('projector', 'gate')),
  code     TEXT    NOT NULL,
  cause    TEXT    NOT NULL,
  since_ms INTEGER NOT NULL
) WITHOUT ROWID;

ALTER TABLE quarantine ADD COLUMN event_id TEXT NOT NULL DEFAULT '';
ALTER TABLE quarantine ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE quarantine SET size_bytes = length(bytes);

-- P19: places of records that a later record of the log has corrected. Where the partitions differ, it may have been
-- read before the record that it corrects.
CREATE TABLE corrections (
  partition INTEGER NOT NULL,
  offset    INTEGER NOT NULL,
  PRIMARY KEY (partition, offset)
) WITHOUT ROWID;
