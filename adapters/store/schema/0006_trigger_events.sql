-- All eight types of trigger, the events that reached them, and jobs that follow from other jobs.

ALTER TABLE triggers ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE triggers ADD COLUMN scenario_id TEXT NOT NULL DEFAULT '';
ALTER TABLE triggers ADD COLUMN config TEXT NOT NULL DEFAULT '{}';
ALTER TABLE triggers ADD COLUMN filter TEXT;
ALTER TABLE triggers ADD COLUMN mapping TEXT;
ALTER TABLE triggers ADD COLUMN cursor TEXT NOT NULL DEFAULT '';
ALTER TABLE triggers ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE triggers ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE triggers ADD COLUMN success_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE triggers ADD COLUMN error_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE triggers ADD COLUMN skipped_count INTEGER NOT NULL DEFAULT 0;

UPDATE triggers SET updated_at = created_at;

-- Append only, as `job_history`: an index on `trigger_id` is one on (trigger_id, seq). `load` never reads it.
CREATE TABLE trigger_events (
  seq INTEGER PRIMARY KEY,
  trigger_id TEXT NOT NULL,
  trigger_type TEXT NOT NULL,
  workflow_id TEXT NOT NULL,
  scenario_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  payload TEXT NOT NULL,
  metadata TEXT NOT NULL,
  priority INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  job_id TEXT
) STRICT;

CREATE INDEX trigger_events_by_trigger ON trigger_events (trigger_id);

ALTER TABLE jobs ADD COLUMN parent_job_id TEXT;
ALTER TABLE jobs ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_by_parent ON jobs (parent_job_id, created_at, id) WHERE parent_job_id IS NOT NULL;
