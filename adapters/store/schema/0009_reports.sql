-- What robots say of their jobs: in words how far they are, and how long they took.

ALTER TABLE jobs ADD COLUMN progress_message TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN robot_duration_ms INTEGER;

-- The mean is that of completed jobs: the others, whose jobs are there as long as the workflow is, had been counted too.
UPDATE workflows SET total_duration_ms = coalesce(
  (
    SELECT sum(completed_at - started_at) FROM jobs
    WHERE workflow_id = workflows.id AND status = 'completed' AND started_at IS NOT NULL
  ),
  0
);
