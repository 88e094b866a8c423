-- How callers of a trigger show who they are, and from where they may call. A key that signs has to be known itself, and
-- not its hash: `signing` holds it, and is shown to nobody.

ALTER TABLE triggers ADD COLUMN auth TEXT NOT NULL DEFAULT 'secret';
ALTER TABLE triggers ADD COLUMN signing TEXT;
ALTER TABLE triggers ADD COLUMN allow_from TEXT NOT NULL DEFAULT '[]';

UPDATE triggers SET auth = 'none' WHERE secret IS NULL;
