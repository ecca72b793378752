-- Kind and state as one number: a job moves in this index with every change of its state, and SQLite compares numbers in
-- half the time that it takes for two names.
ALTER TABLE jobs ADD COLUMN shelf INTEGER GENERATED ALWAYS AS (
    16 * CASE kind WHEN 'submit' THEN 0 WHEN 'report' THEN 1 WHEN 'cancel' THEN 2 WHEN 'retry' THEN 3 END
    + CASE state WHEN 'queued' THEN 0 WHEN 'running' THEN 1 WHEN 'cancelling' THEN 2 WHEN 'succeeded' THEN 3
                 WHEN 'partially_succeeded' THEN 4 WHEN 'failed' THEN 5 WHEN 'cancelled' THEN 6 END
) VIRTUAL;
DROP INDEX jobs_by_state;
CREATE INDEX jobs_by_shelf ON jobs (shelf);
