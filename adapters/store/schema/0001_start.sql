-- Instants and durations are milliseconds, flags are 0 or 1. `tables.ts` says the same in TypeScript; a test compares
-- the two. Lists are paged by (created_at, id), so every list has an index that ends in these two.

-- One row. `epoch` grows with every load, and a commit under an older one fails. `seq` is the largest number that any
-- row ever had: kept, because the row that had it may be deleted one day, and its number must not come back.
CREATE TABLE meta (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  version INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL
) STRICT;

INSERT INTO meta (only, version, epoch, seq) VALUES (1, 0, 0, 0);

-- An ordinary rowid table: rows are large, and in a WITHOUT ROWID table every look at the key would wade through them.
CREATE TABLE jobs (
  id TEXT NOT NULL PRIMARY KEY,
  workflow_id TEXT NOT NULL,
  workflow_name TEXT NOT NULL,
  workflow_version INTEGER,
  definition TEXT NOT NULL,
  pinned_robot_id TEXT,
  environment TEXT NOT NULL,
  required_tags TEXT NOT NULL,
  required_capabilities TEXT NOT NULL,
  priority INTEGER NOT NULL,
  parameters TEXT NOT NULL,
  timeout_ms INTEGER NOT NULL,
  retry_safety TEXT NOT NULL,
  scheduled_time INTEGER,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  trigger_id TEXT,
  seq INTEGER NOT NULL,
  status TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  refusals INTEGER NOT NULL,
  robot_id TEXT,
  robot_name TEXT NOT NULL,
  queued_at INTEGER,
  ready_at INTEGER,
  offer_until INTEGER,
  started_at INTEGER,
  completed_at INTEGER,
  progress INTEGER NOT NULL,
  current_node TEXT NOT NULL,
  result TEXT,
  error_message TEXT NOT NULL,
  error_type TEXT NOT NULL,
  stack_trace TEXT NOT NULL,
  failed_node TEXT NOT NULL
) STRICT;

-- What `load` reads: as long as what is alive, however many jobs have ended.
CREATE INDEX jobs_live ON jobs (seq) WHERE completed_at IS NULL;
CREATE INDEX jobs_created ON jobs (created_at, id);
CREATE INDEX jobs_by_status ON jobs (status, created_at, id);
CREATE INDEX jobs_by_workflow ON jobs (workflow_id, created_at, id);
CREATE INDEX jobs_by_robot ON jobs (robot_id, created_at, id) WHERE robot_id IS NOT NULL;
CREATE INDEX jobs_by_trigger ON jobs (trigger_id, created_at, id) WHERE trigger_id IS NOT NULL;

CREATE TABLE robots (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  environment TEXT NOT NULL,
  max_concurrent_jobs INTEGER NOT NULL,
  tags TEXT NOT NULL,
  capabilities TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_seen INTEGER NOT NULL
) STRICT;

CREATE INDEX robots_created ON robots (created_at, id);

CREATE TABLE workflows (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  tags TEXT NOT NULL,
  status TEXT NOT NULL,
  version INTEGER NOT NULL,
  definition TEXT NOT NULL,
  published_version INTEGER,
  published_definition TEXT,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  execution_count INTEGER NOT NULL,
  success_count INTEGER NOT NULL,
  total_duration_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX workflows_created ON workflows (created_at, id);

CREATE TABLE workflow_versions (
  workflow_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  definition TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (workflow_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE definitions (
  hash TEXT NOT NULL PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE triggers (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  trigger_type TEXT NOT NULL,
  workflow_id TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  parameters TEXT NOT NULL,
  cooldown_ms INTEGER NOT NULL,
  secret TEXT,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_fired_at INTEGER,
  fire_count INTEGER NOT NULL
) STRICT;

CREATE INDEX triggers_created ON triggers (created_at, id);

CREATE TABLE keys (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  secret TEXT NOT NULL,
  scopes TEXT NOT NULL,
  robot_id TEXT,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT;

CREATE INDEX keys_created ON keys (created_at, id);

-- `seq` is the rowid, so rows are appended at the end of the file, and an index on `job_id` is one on (job_id, seq).
CREATE TABLE job_history (
  seq INTEGER PRIMARY KEY,
  job_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  event TEXT NOT NULL,
  from_status TEXT,
  to_status TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  robot_id TEXT,
  detail TEXT NOT NULL
) STRICT;

CREATE INDEX job_history_by_job ON job_history (job_id);

CREATE TABLE job_logs (
  seq INTEGER PRIMARY KEY,
  job_id TEXT NOT NULL,
  robot_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  logged_at TEXT NOT NULL,
  level TEXT NOT NULL,
  node_id TEXT NOT NULL,
  message TEXT NOT NULL,
  extra TEXT
) STRICT;

CREATE INDEX job_logs_by_job ON job_logs (job_id);
