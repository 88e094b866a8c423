-- What a robot last said, and how its last connection ended: to be seen while it is away. One that never came was not seen.

ALTER TABLE robots ADD COLUMN last_heartbeat INTEGER;
ALTER TABLE robots ADD COLUMN metrics TEXT;
ALTER TABLE robots ADD COLUMN last_disconnect TEXT;

ALTER TABLE robots ADD COLUMN seen INTEGER;
-- One that was only put on record had the instant of that; whoever has run something has been here.
UPDATE robots SET seen = last_seen
WHERE last_seen <> created_at OR id IN (SELECT robot_id FROM jobs WHERE robot_id IS NOT NULL);
ALTER TABLE robots DROP COLUMN last_seen;
ALTER TABLE robots RENAME COLUMN seen TO last_seen;
