-- The oldest node that is alive does what only one of them should do.
ALTER TABLE boots ADD COLUMN began TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp();
