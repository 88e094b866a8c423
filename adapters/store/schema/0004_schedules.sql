-- Schedules, what became of the instants at which they were due, and the jobs that they made.

CREATE TABLE schedules (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  workflow_id TEXT NOT NULL,
  workflow_name TEXT NOT NULL,
  frequency TEXT NOT NULL,
  cron_expression TEXT NOT NULL,
  run_at INTEGER,
  timezone TEXT NOT NULL,
  start_at INTEGER,
  end_at INTEGER,
  parameters TEXT NOT NULL,
  priority INTEGER NOT NULL,
  robot_id TEXT,
  environment TEXT NOT NULL,
  pool TEXT,
  jitter_ms INTEGER NOT NULL,
  misfire TEXT NOT NULL,
  misfire_grace_ms INTEGER,
  overlap TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  note TEXT NOT NULL,
  next_run INTEGER,
  fires_at INTEGER,
  decided_until INTEGER NOT NULL,
  last_run INTEGER,
  run_count INTEGER NOT NULL,
  success_count INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX schedules_created ON schedules (created_at, id);

-- Append only, as `job_history`: an index on `schedule_id` is one on (schedule_id, seq). `load` never reads it.
CREATE TABLE occurrences (
  seq INTEGER PRIMARY KEY,
  schedule_id TEXT NOT NULL,
  due_at INTEGER,
  until INTEGER,
  at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  job_id TEXT
) STRICT;

CREATE INDEX occurrences_by_schedule ON occurrences (schedule_id);
-- No instant is decided twice, and none makes two jobs. What was made by hand was due at no instant.
CREATE UNIQUE INDEX occurrences_due ON occurrences (schedule_id, due_at) WHERE due_at IS NOT NULL;

ALTER TABLE jobs ADD COLUMN schedule_id TEXT;
ALTER TABLE jobs ADD COLUMN due_at INTEGER;
CREATE UNIQUE INDEX jobs_due ON jobs (schedule_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX jobs_by_schedule ON jobs (schedule_id, created_at, id) WHERE schedule_id IS NOT NULL;
