-- When the last offer of a job was made, and to which memory of its robot.

ALTER TABLE jobs ADD COLUMN offered_at INTEGER;
ALTER TABLE jobs ADD COLUMN offer_memory TEXT NOT NULL DEFAULT '';

UPDATE jobs SET offered_at = offer_until WHERE offer_until IS NOT NULL;
