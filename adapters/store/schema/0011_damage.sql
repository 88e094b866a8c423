-- What finds out that a file does not hold what was written into it.

-- A sum over the values of each row (checksum.ts). Null: the row was there before, and has not been written since. Steps
-- after this one that change rows, rename a column, or add one whose default is not null or the plainest value of its
-- kind ('', 0, '[]') set `checksum` of that table to null.
ALTER TABLE jobs ADD COLUMN checksum INTEGER;
ALTER TABLE robots ADD COLUMN checksum INTEGER;
ALTER TABLE workflows ADD COLUMN checksum INTEGER;
ALTER TABLE workflow_versions ADD COLUMN checksum INTEGER;
ALTER TABLE triggers ADD COLUMN checksum INTEGER;
ALTER TABLE schedules ADD COLUMN checksum INTEGER;
ALTER TABLE keys ADD COLUMN checksum INTEGER;
ALTER TABLE pools ADD COLUMN checksum INTEGER;
ALTER TABLE affinities ADD COLUMN checksum INTEGER;
ALTER TABLE idempotency ADD COLUMN checksum INTEGER;
ALTER TABLE webhooks ADD COLUMN checksum INTEGER;
ALTER TABLE deliveries ADD COLUMN checksum INTEGER;
ALTER TABLE job_history ADD COLUMN checksum INTEGER;
ALTER TABLE job_logs ADD COLUMN checksum INTEGER;
ALTER TABLE occurrences ADD COLUMN checksum INTEGER;
ALTER TABLE trigger_events ADD COLUMN checksum INTEGER;

-- `identity` tells this database from any other, and is never changed. `turns` grows with everything that is committed:
-- files that do not belong together do not agree about it (generation.ts). `checksum` is a sum over the numbers.
ALTER TABLE meta ADD COLUMN identity TEXT NOT NULL DEFAULT '';
ALTER TABLE meta ADD COLUMN turns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN checksum INTEGER;

UPDATE meta SET identity = lower(hex(randomblob(16)));
