-- Where a key may be used from, a comma list of networks (blank: anywhere), and what may be
-- spent with it on one day (NULL: as much as there is).
ALTER TABLE api_keys ADD COLUMN addresses TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN daily_cap_micros INTEGER;

-- What a reseller has spent on a day (days since the epoch, UTC), while a cap looks at it.
CREATE TABLE spending (
    reseller_id INTEGER NOT NULL REFERENCES resellers (id),
    day         INTEGER NOT NULL,
    micros      INTEGER NOT NULL CHECK (micros >= 0),
    PRIMARY KEY (reseller_id, day)
) STRICT, WITHOUT ROWID;

-- The day on which its charge counts there; NULL: on none.
ALTER TABLE orders ADD COLUMN spent_day INTEGER;
