-- A service that its provider no longer lists: what it cost stays known.
ALTER TABLE catalogue ADD COLUMN gone_at_ms INTEGER;

-- What providers changed in their catalogues. "service" as the field: it came or went.
CREATE TABLE catalogue_changes (
    id       INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    provider TEXT NOT NULL,
    service  TEXT NOT NULL,
    field    TEXT NOT NULL,
    old      TEXT,
    new      TEXT
) STRICT;

CREATE INDEX catalogue_changes_of_provider ON catalogue_changes (provider, id);

-- Which configuration was in use from when on.
CREATE TABLE config_revisions (
    id       INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    revision TEXT NOT NULL
) STRICT;
