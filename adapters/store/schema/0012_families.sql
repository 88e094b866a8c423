-- The job that somebody asked for, of which this one follows. Null: somebody asked for this one. Chains that are under way
-- begin anew, each live job of them a root.

ALTER TABLE jobs ADD COLUMN root_job_id TEXT;

-- All that has followed from a job: few jobs follow from any.
CREATE INDEX jobs_root ON jobs (root_job_id, completed_at) WHERE root_job_id IS NOT NULL;
