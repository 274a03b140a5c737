-- name=value of the parameter that the add carried, where the provider has one.
ALTER TABLE attempts ADD COLUMN idempotency_key TEXT;

-- A provider's own past: whether its IDs rise, which orders bracket a doubt.
CREATE INDEX attempts_at_provider ON attempts (provider, id);

-- Attempts that no answer has proved, open or closed: few, ever.
CREATE INDEX attempts_unproved ON attempts (ended_at_ms) WHERE connection_died_at_ms IS NOT NULL;

-- Refills may be orders of the provider's making.
CREATE INDEX refills_at_provider ON refills (provider, created_at_ms);
