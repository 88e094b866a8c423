-- An instant that was skipped while the clock was ahead is due again once the clock has been put right, and the ledger
-- tells of both. What it never does is to make two jobs.
DROP INDEX occurrences_due;
CREATE UNIQUE INDEX occurrences_due ON occurrences (schedule_id, due_at) WHERE due_at IS NOT NULL AND job_id IS NOT NULL;
