-- The whole life of a job: attempts, stopping, gates, duplicates, pools, answers that are given again.

ALTER TABLE jobs ADD COLUMN pool TEXT;
ALTER TABLE jobs ADD COLUMN max_attempts INTEGER NOT NULL DEFAULT 1;
ALTER TABLE jobs ADD COLUMN retry_on TEXT NOT NULL DEFAULT '[]';
ALTER TABLE jobs ADD COLUMN concurrency_key TEXT;
ALTER TABLE jobs ADD COLUMN concurrency_limit INTEGER NOT NULL DEFAULT 1;
ALTER TABLE jobs ADD COLUMN duplicate_key TEXT;
ALTER TABLE jobs ADD COLUMN retry_of TEXT;
ALTER TABLE jobs ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN stop_until INTEGER;
ALTER TABLE jobs ADD COLUMN dead_lettered INTEGER NOT NULL DEFAULT 0;

-- The instant of the last turn: a clock that is set back does not go back over a restart.
ALTER TABLE meta ADD COLUMN clock INTEGER NOT NULL DEFAULT 0;

-- A job that had been accepted had been started once.
UPDATE jobs SET tries = 1 WHERE started_at IS NOT NULL;

ALTER TABLE robots ADD COLUMN mode TEXT NOT NULL DEFAULT 'active';
ALTER TABLE workflows ADD COLUMN max_concurrent INTEGER;
ALTER TABLE job_history ADD COLUMN actor TEXT NOT NULL DEFAULT '';

-- What `load` reads: jobs that have not ended, and those that a robot has yet to stop. Those whose time is far off come
-- last, and stay where they are.
DROP INDEX jobs_live;
CREATE INDEX jobs_hot ON jobs (ready_at, seq) WHERE completed_at IS NULL OR stop_until IS NOT NULL;
CREATE INDEX jobs_by_duplicate ON jobs (duplicate_key, created_at) WHERE duplicate_key IS NOT NULL;
CREATE INDEX jobs_dead ON jobs (created_at, id) WHERE dead_lettered = 1;

CREATE TABLE pools (
  name TEXT NOT NULL PRIMARY KEY,
  tags TEXT NOT NULL,
  max_concurrent INTEGER,
  workflows TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE affinities (
  workflow_id TEXT NOT NULL,
  robot_id TEXT NOT NULL,
  successes INTEGER NOT NULL,
  PRIMARY KEY (workflow_id, robot_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
  key TEXT NOT NULL PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  job_id TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_created ON idempotency (created_at);
