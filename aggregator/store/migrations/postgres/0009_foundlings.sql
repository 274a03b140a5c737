-- Orders found at a provider after a restore: bought after the backup, so nobody here knows
-- for whom. ``kind`` is their ID sequence.
CREATE TABLE foundlings (
    provider          TEXT COLLATE "C" NOT NULL,
    kind              TEXT COLLATE "C" NOT NULL,
    upstream_order_id TEXT COLLATE "C" NOT NULL,
    word              TEXT COLLATE "C" NOT NULL,
    charge_micros     BIGINT,
    start_count       TEXT COLLATE "C",
    remains           BIGINT,
    found_at_ms       BIGINT NOT NULL,
    PRIMARY KEY (provider, kind, upstream_order_id)
);
