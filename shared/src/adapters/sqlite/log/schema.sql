-- The records of the topic. Offsets of a partition are dense and begin at 0; nothing is ever deleted.
CREATE TABLE records (
    partition    INTEGER NOT NULL,
    offset       INTEGER NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    key          BLOB    NOT NULL,
    headers      TEXT    NOT NULL, -- JSON: [["name", "value"], …]
    value        BLOB    NOT NULL,
    PRIMARY KEY (partition, offset)
) STRICT, WITHOUT ROWID
