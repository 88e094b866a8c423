-- Outgoing webhooks, and what they are told: the outbox, its log, and its dead letters in one table.

CREATE TABLE webhooks (
  id TEXT NOT NULL PRIMARY KEY,
  url TEXT NOT NULL,
  description TEXT NOT NULL,
  events TEXT NOT NULL,
  workflow_id TEXT,
  secret TEXT NOT NULL,
  former_secret TEXT,
  former_until INTEGER,
  enabled INTEGER NOT NULL,
  disabled_reason TEXT NOT NULL,
  failing_since INTEGER,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX webhooks_created ON webhooks (created_at, id);

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
  delivered_at INTEGER
) STRICT;

-- What is still to be sent, in the order in which it is due: as long as what is pending, however much was delivered.
CREATE INDEX deliveries_due ON deliveries (webhook_id, next_at, seq) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, created_at, id);
CREATE INDEX deliveries_by_status ON deliveries (webhook_id, status, created_at, id);
CREATE INDEX deliveries_created ON deliveries (created_at);
