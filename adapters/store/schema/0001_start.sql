-- Instants and durations are milliseconds, flags are 0 or 1. `tables.ts` says the same in TypeScript; a test compares
-- the two. Lists but that of jobs are paged by (created_at, id), so each has an index that ends in these two.

-- One row. `schema_version` is the last step that was taken. `epoch` grows with every load, and a commit under an older one
-- fails. `seq` is the largest number that any row ever had: kept, because the row that had it may be deleted one day, and
-- its number must not come back. `clock` is the instant of the last turn: a clock that is set back does not go back over a
-- restart. `identity` tells this database from any other, and is never changed. `turns` grows with everything that is
-- committed: files that do not belong together do not agree about it (generation.ts). `together` is the number of turns that
-- the last transaction had: the store's thread commits those that wait as one. `checksum` is a sum over the other numbers.
CREATE TABLE meta (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  schema_version INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  clock INTEGER NOT NULL,
  identity TEXT NOT NULL,
  turns INTEGER NOT NULL,
  together INTEGER NOT NULL,
  checksum INTEGER
) STRICT;

INSERT INTO meta (only, schema_version, epoch, seq, clock, identity, turns, together)
VALUES (1, 0, 0, 0, 0, lower(hex(randomblob(16))), 0, 1);

-- In every other table `checksum` is a sum over the values of the row (checksum.ts). Null: a step of the schema has changed
-- the row, and it has not been written since. Steps after this one that change rows, rename a column, or add one whose
-- default is not null or the plainest value of its kind ('', 0, '[]') set the checksum that it counts in to null.

-- Of UUIDs and hashes in a column of type ANY the bytes are stored (bytes.ts), and null where most rows have the same
-- (`usual` and the like in tables.ts). `queued_at`, `started_at` and `completed_at` are counted from `created_at`. The view
-- `jobs_shown` has jobs as people read them.

-- `seq` is the rowid: jobs are appended at the end of the file, every index ends in it, and lists are in its order, the
-- newest first. `checksum` is a sum over the columns up to `seq`, which never change; `state_checksum` over the others.
CREATE TABLE jobs (
  id ANY NOT NULL UNIQUE,
  workflow_id ANY NOT NULL,
  workflow_name TEXT NOT NULL,
  workflow_version INTEGER,
  definition ANY,
  pinned_robot_id TEXT,
  pool TEXT,
  environment TEXT,
  required_tags TEXT,
  required_capabilities TEXT,
  priority INTEGER,
  parameters TEXT NOT NULL,
  timeout_ms INTEGER,
  retry_safety TEXT,
  max_attempts INTEGER,
  retry_on TEXT,
  concurrency_key TEXT,
  concurrency_limit INTEGER,
  duplicate_key TEXT,
  retry_of ANY,
  scheduled_time INTEGER,
  created_by TEXT NOT NULL,
  trigger_id TEXT,
  schedule_id TEXT,
  due_at INTEGER,
  parent_job_id ANY,
  root_job_id ANY,
  depth INTEGER,
  seq INTEGER PRIMARY KEY,
  created_at INTEGER NOT NULL,
  status TEXT NOT NULL,
  offer INTEGER,
  refusals INTEGER,
  attempt INTEGER,
  robot_id TEXT,
  robot_name TEXT,
  queued_at INTEGER,
  ready_at INTEGER,
  offer_until INTEGER,
  offered_at INTEGER,
  offer_memory ANY,
  stop_until INTEGER,
  started_at INTEGER,
  completed_at INTEGER,
  progress INTEGER,
  current_node TEXT,
  progress_message TEXT,
  robot_duration_ms INTEGER,
  result TEXT,
  error_message TEXT,
  error_type TEXT,
  stack_trace TEXT,
  failed_node TEXT,
  dead_lettered INTEGER,
  checksum INTEGER,
  state_checksum INTEGER
) STRICT;

-- What `load` reads, however many jobs have ended: jobs that have not, and those that a robot has yet to stop. Those whose
-- time is far off come last, and stay where they are.
CREATE INDEX jobs_in_memory ON jobs (ready_at) WHERE completed_at IS NULL OR stop_until IS NOT NULL;
CREATE INDEX jobs_created ON jobs (created_at);
-- Neither most of the ended jobs, which any list finds by their numbers, nor those that wait, which are in memory.
CREATE INDEX jobs_by_status ON jobs (status) WHERE status NOT IN ('completed', 'queued');
CREATE INDEX jobs_by_workflow ON jobs (workflow_id);
CREATE INDEX jobs_by_robot ON jobs (robot_id) WHERE robot_id IS NOT NULL;
CREATE INDEX jobs_by_trigger ON jobs (trigger_id) WHERE trigger_id IS NOT NULL;
CREATE INDEX jobs_by_schedule ON jobs (schedule_id) WHERE schedule_id IS NOT NULL;
CREATE INDEX jobs_by_parent ON jobs (parent_job_id) WHERE parent_job_id IS NOT NULL;
CREATE INDEX jobs_by_duplicate ON jobs (duplicate_key, created_at) WHERE duplicate_key IS NOT NULL;
CREATE INDEX jobs_dead ON jobs (dead_lettered) WHERE dead_lettered = 1;
CREATE UNIQUE INDEX jobs_due ON jobs (schedule_id, due_at) WHERE due_at IS NOT NULL;
-- All that has followed from a job: few jobs follow from any.
CREATE INDEX jobs_root ON jobs (root_job_id) WHERE root_job_id IS NOT NULL;

-- Jobs as people read them: ids as text, instants in UTC, and the usual values. No program reads it, so it has no test of
-- speed: `where id = '…'` looks at every job, and `where seq = …` at one.
CREATE VIEW jobs_shown AS SELECT
  seq,
  CASE typeof(id) WHEN 'blob' THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' ||
    substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)) ELSE id END AS id,
  status,
  CASE typeof(workflow_id) WHEN 'blob' THEN lower(substr(hex(workflow_id), 1, 8) || '-' || substr(hex(workflow_id), 9, 4) || '-' ||
    substr(hex(workflow_id), 13, 4) || '-' || substr(hex(workflow_id), 17, 4) || '-' || substr(hex(workflow_id), 21)) ELSE workflow_id END AS workflow_id,
  workflow_name,
  workflow_version,
  ifnull(priority, 1) AS priority,
  created_by,
  strftime('%Y-%m-%dT%H:%M:%fZ', (created_at) / 1000.0, 'unixepoch') AS created_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', (created_at + queued_at) / 1000.0, 'unixepoch') AS queued_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', (created_at + started_at) / 1000.0, 'unixepoch') AS started_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', (created_at + completed_at) / 1000.0, 'unixepoch') AS completed_at,
  robot_id,
  ifnull(robot_name, ifnull(robot_id, '')) AS robot_name,
  ifnull(attempt, 0) AS attempt,
  ifnull(max_attempts, 1) AS max_attempts,
  ifnull(retry_safety, 'unless_started') AS retry_safety,
  ifnull(progress, 0) AS progress,
  ifnull(error_type, '') AS error_type,
  ifnull(error_message, '') AS error_message,
  parameters,
  result
FROM jobs;

-- A row for each turn in which something happened to a job, with its entries (history-pages.ts). `seq` is the rowid and the
-- number of the first entry, so rows are appended at the end of the file; `job` is the number of the job, and an index on it
-- is one on (job, seq).
CREATE TABLE job_history (
  seq INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  at INTEGER NOT NULL,
  entries TEXT NOT NULL,
  checksum INTEGER
) STRICT;

CREATE INDEX job_history_by_job ON job_history (job);

CREATE TABLE job_logs (
  seq INTEGER PRIMARY KEY,
  job_id ANY NOT NULL,
  robot_id TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  robot_timestamp TEXT,
  level TEXT NOT NULL,
  node_id TEXT NOT NULL,
  message TEXT NOT NULL,
  extra TEXT,
  checksum INTEGER
) STRICT;

CREATE INDEX job_logs_by_job ON job_logs (job_id);

CREATE TABLE idempotency (
  key TEXT NOT NULL PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  job_id ANY NOT NULL,
  status TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  checksum INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_created ON idempotency (created_at);

CREATE TABLE robots (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  environment TEXT NOT NULL,
  max_concurrent_jobs INTEGER NOT NULL,
  tags TEXT NOT NULL,
  capabilities TEXT NOT NULL,
  mode TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_seen INTEGER,
  last_heartbeat INTEGER,
  metrics TEXT,
  last_disconnect TEXT,
  checksum INTEGER
) STRICT;

CREATE INDEX robots_created ON robots (created_at, id);

CREATE TABLE pools (
  name TEXT NOT NULL PRIMARY KEY,
  tags TEXT NOT NULL,
  max_concurrent INTEGER,
  workflows TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  checksum INTEGER
) STRICT;

CREATE TABLE affinities (
  workflow_id TEXT NOT NULL,
  robot_id TEXT NOT NULL,
  successes INTEGER NOT NULL,
  checksum INTEGER,
  PRIMARY KEY (workflow_id, robot_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE workflows (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  tags TEXT NOT NULL,
  status TEXT NOT NULL,
  version INTEGER NOT NULL,
  definition ANY NOT NULL,
  published_version INTEGER,
  published_definition ANY,
  max_concurrent INTEGER,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  execution_count INTEGER NOT NULL,
  success_count INTEGER NOT NULL,
  total_duration_ms INTEGER NOT NULL,
  checksum INTEGER
) STRICT;

CREATE INDEX workflows_created ON workflows (created_at, id);

CREATE TABLE workflow_versions (
  workflow_id ANY NOT NULL,
  version INTEGER NOT NULL,
  definition ANY NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  checksum INTEGER,
  PRIMARY KEY (workflow_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE definitions (
  hash ANY NOT NULL PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;

-- A key that signs has to be known itself, and not its hash: `signing` holds it, and is shown to nobody.
CREATE TABLE triggers (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  trigger_type TEXT NOT NULL,
  workflow_id TEXT NOT NULL,
  scenario_id TEXT NOT NULL,
  config TEXT NOT NULL,
  filter TEXT,
  mapping TEXT,
  enabled INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  parameters TEXT NOT NULL,
  cooldown_ms INTEGER NOT NULL,
  auth TEXT NOT NULL,
  secret TEXT,
  signing TEXT,
  allow_from TEXT NOT NULL,
  cursor TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  last_triggered INTEGER,
  trigger_count INTEGER NOT NULL,
  success_count INTEGER NOT NULL,
  error_count INTEGER NOT NULL,
  skipped_count INTEGER NOT NULL,
  checksum INTEGER
) STRICT;

CREATE INDEX triggers_created ON triggers (created_at, id);

-- Append only, as `job_history`: an index on `trigger_id` is one on (trigger_id, seq). `load` never reads it.
CREATE TABLE trigger_events (
  seq INTEGER PRIMARY KEY,
  trigger_id TEXT NOT NULL,
  trigger_type TEXT NOT NULL,
  workflow_id TEXT NOT NULL,
  scenario_id TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  payload TEXT NOT NULL,
  metadata TEXT NOT NULL,
  priority INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  job_id ANY,
  checksum INTEGER
) STRICT;

CREATE INDEX trigger_events_by_trigger ON trigger_events (trigger_id);

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
  updated_at INTEGER NOT NULL,
  checksum INTEGER
) STRICT;

CREATE INDEX schedules_created ON schedules (created_at, id);

-- Append only, as `job_history`: an index on `schedule_id` is one on (schedule_id, seq). Of all this `load` reads only
-- instants to come, which were decided while the clock was ahead.
CREATE TABLE schedule_runs (
  seq INTEGER PRIMARY KEY,
  schedule_id TEXT NOT NULL,
  due_at INTEGER,
  until INTEGER,
  at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  job_id ANY,
  checksum INTEGER
) STRICT;

CREATE INDEX schedule_runs_by_schedule ON schedule_runs (schedule_id);
-- An instant that was skipped while the clock was ahead is due again once the clock has been put right, and both are
-- recorded. No instant makes two jobs. What was made by hand was due at no instant.
CREATE UNIQUE INDEX schedule_runs_due ON schedule_runs (schedule_id, due_at) WHERE due_at IS NOT NULL AND job_id IS NOT NULL;

CREATE TABLE keys (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  secret TEXT NOT NULL,
  scopes TEXT NOT NULL,
  robot_id TEXT,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER,
  checksum INTEGER
) STRICT;

CREATE INDEX keys_created ON keys (created_at, id);

CREATE TABLE webhooks (
  id TEXT NOT NULL PRIMARY KEY,
  url TEXT NOT NULL,
  description TEXT NOT NULL,
  events TEXT NOT NULL,
  workflow_id TEXT,
  secret TEXT NOT NULL,
  former_secret TEXT,
  former_secret_until INTEGER,
  enabled INTEGER NOT NULL,
  disabled_reason TEXT NOT NULL,
  failing_since INTEGER,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  checksum INTEGER
) STRICT;

CREATE INDEX webhooks_created ON webhooks (created_at, id);

-- What webhooks are sent: the outbox, its log, and its dead letters in one table.
CREATE TABLE deliveries (
  id TEXT NOT NULL PRIMARY KEY,
  webhook_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  event TEXT NOT NULL,
  payload TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  status TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  next_at INTEGER,
  status_code INTEGER,
  error TEXT NOT NULL,
  delivered_at INTEGER,
  checksum INTEGER
) STRICT;

-- What is still to be sent, in the order in which it is due: as long as what is pending, however much was delivered.
CREATE INDEX deliveries_due ON deliveries (webhook_id, next_at, seq) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, created_at, id);
CREATE INDEX deliveries_by_status ON deliveries (webhook_id, status, created_at, id);
CREATE INDEX deliveries_created ON deliveries (created_at);
