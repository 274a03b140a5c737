-- Orders found at a provider after a restore: bought after the backup, so nobody here knows
-- for whom. ``kind`` is their ID sequence.
CREATE TABLE foundlings (
    provider          TEXT NOT NULL,
    kind              TEXT NOT NULL,
    upstream_order_id TEXT NOT NULL,
    word              TEXT NOT NULL,
    charge_micros     INTEGER,
    start_count       TEXT,
    remains           INTEGER,
    found_at_ms       INTEGER NOT NULL,
    PRIMARY KEY (provider, kind, upstream_order_id)
) STRICT, WITHOUT ROWID;
