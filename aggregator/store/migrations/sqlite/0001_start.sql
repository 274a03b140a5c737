-- Flags are 0 or 1, times are milliseconds since the epoch, money is micros.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE resellers (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    disabled      INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE accounts (
    reseller_id      INTEGER PRIMARY KEY REFERENCES resellers (id),
    available_micros INTEGER NOT NULL DEFAULT 0 CHECK (available_micros >= 0),
    held_micros      INTEGER NOT NULL DEFAULT 0 CHECK (held_micros >= 0)
) STRICT;

-- Only the SHA-256 of a key is ever here.
CREATE TABLE api_keys (
    key_hash      BLOB PRIMARY KEY,
    reseller_id   INTEGER NOT NULL REFERENCES resellers (id),
    scopes        TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER
) STRICT;

CREATE INDEX api_keys_of_reseller ON api_keys (reseller_id);

-- AUTOINCREMENT: an ID is never given out twice, not even after a deletion.
CREATE TABLE orders (
    id                     INTEGER PRIMARY KEY AUTOINCREMENT,
    parent_id              INTEGER REFERENCES orders (id),
    reseller_id            INTEGER NOT NULL REFERENCES resellers (id),
    service_id             INTEGER NOT NULL,
    service_type           TEXT NOT NULL,
    kind                   TEXT NOT NULL,
    state                  TEXT NOT NULL,
    quantity               INTEGER NOT NULL,
    units                  INTEGER NOT NULL,
    rate_micros            INTEGER NOT NULL,
    charge_micros          INTEGER NOT NULL CHECK (charge_micros >= 0),
    refunded_micros        INTEGER NOT NULL DEFAULT 0,
    share_micros           INTEGER NOT NULL DEFAULT 0,
    params                 TEXT NOT NULL,
    link                   TEXT,
    runs                   INTEGER,
    interval               INTEGER,
    config_revision        TEXT NOT NULL,
    created_at_ms          INTEGER NOT NULL,
    queued_until_ms        INTEGER,
    needs_person           INTEGER NOT NULL DEFAULT 0 CHECK (needs_person IN (0, 1)),
    error                  TEXT,
    provider               TEXT,
    upstream_service       TEXT,
    upstream_order_id      TEXT,
    upstream_cost_micros   INTEGER,
    word                   TEXT,
    start_count            TEXT,
    remains                INTEGER,
    upstream_charge_micros INTEGER,
    runs_done              INTEGER,
    posts_done             INTEGER,
    expiry                 TEXT,
    asked_at_ms            INTEGER,
    next_check_at_ms       INTEGER,
    failed_since_ms        INTEGER,
    unreadable_since_ms    INTEGER,
    ended_at_ms            INTEGER,
    CHECK (refunded_micros BETWEEN 0 AND charge_micros),
    CHECK (parent_id IS NULL OR charge_micros = 0)
) STRICT;

-- Open orders only, so it stays small: the queue, and what each provider still owes.
CREATE INDEX orders_open ON orders (state, id, provider) WHERE ended_at_ms IS NULL;
CREATE INDEX orders_due ON orders (next_check_at_ms) WHERE next_check_at_ms IS NOT NULL;
CREATE INDEX orders_of_reseller ON orders (reseller_id, id);
CREATE INDEX orders_at_provider ON orders (provider, id) WHERE provider IS NOT NULL;
CREATE INDEX orders_on_link ON orders (link) WHERE link IS NOT NULL;
CREATE INDEX orders_of_parent ON orders (parent_id) WHERE parent_id IS NOT NULL;

-- An attempt is handed to a socket at most once, ever. low_anchor and
-- connection_died_at_ms serve the settling of doubts.
CREATE TABLE attempts (
    id                    INTEGER PRIMARY KEY,
    order_id              INTEGER NOT NULL REFERENCES orders (id),
    number                INTEGER NOT NULL,
    provider              TEXT NOT NULL,
    upstream_service      TEXT NOT NULL,
    kind                  TEXT NOT NULL,
    state                 TEXT NOT NULL,
    boot_id               TEXT NOT NULL,
    cost_micros           INTEGER,
    created_at_ms         INTEGER NOT NULL,
    ended_at_ms           INTEGER,
    upstream_order_id     TEXT,
    cause                 TEXT,
    low_anchor            TEXT,
    connection_died_at_ms INTEGER,
    UNIQUE (order_id, number)
) STRICT;

CREATE UNIQUE INDEX attempts_one_open ON attempts (order_id)
    WHERE state IN ('sending', 'in_doubt');
CREATE UNIQUE INDEX attempts_upstream ON attempts (provider, kind, upstream_order_id)
    WHERE upstream_order_id IS NOT NULL;

CREATE TABLE refills (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id           INTEGER NOT NULL REFERENCES orders (id),
    reseller_id        INTEGER NOT NULL REFERENCES resellers (id),
    provider           TEXT NOT NULL,
    upstream_refill_id TEXT NOT NULL,
    status             TEXT NOT NULL,
    created_at_ms      INTEGER NOT NULL,
    asked_at_ms        INTEGER,
    UNIQUE (order_id, upstream_refill_id)
) STRICT;

CREATE TABLE transfers (
    id            INTEGER PRIMARY KEY,
    reseller_id   INTEGER REFERENCES resellers (id),
    order_id      INTEGER REFERENCES orders (id),
    kind          TEXT NOT NULL,
    version       INTEGER NOT NULL,
    note          TEXT,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (order_id, kind, version)
) STRICT;

CREATE INDEX transfers_of_reseller ON transfers (reseller_id, id);

CREATE TABLE entries (
    transfer_id   INTEGER NOT NULL REFERENCES transfers (id),
    account       TEXT NOT NULL,
    amount_micros INTEGER NOT NULL,
    PRIMARY KEY (transfer_id, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    reseller_id   INTEGER NOT NULL REFERENCES resellers (id),
    request_id    TEXT NOT NULL,
    fingerprint   TEXT NOT NULL,
    order_id      INTEGER NOT NULL REFERENCES orders (id),
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (reseller_id, request_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_age ON idempotency (created_at_ms);

CREATE TABLE catalogue (
    provider    TEXT NOT NULL,
    service     TEXT NOT NULL,
    name        TEXT NOT NULL,
    type        TEXT NOT NULL,
    category    TEXT NOT NULL,
    rate_micros INTEGER,
    min         INTEGER,
    max         INTEGER,
    refill      INTEGER,
    cancel      INTEGER,
    dripfeed    INTEGER,
    description TEXT,
    read_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (provider, service)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    id       INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    at_ms    INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    detail   TEXT NOT NULL
) STRICT;

CREATE INDEX events_of_order ON events (order_id);
