-- The order of attempts: the job's revision before the claim. The wall clock may step back between two (P8).
ALTER TABLE attempts ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
