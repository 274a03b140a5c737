-- Where a key may be used from, a comma list of networks (blank: anywhere), and what may be
-- spent with it on one day (NULL: as much as there is).
ALTER TABLE api_keys ADD COLUMN addresses TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN daily_cap_micros BIGINT;

-- What a reseller has spent on a day (days since the epoch, UTC), while a cap looks at it.
CREATE TABLE spending (
    reseller_id BIGINT NOT NULL REFERENCES resellers (id),
    day         BIGINT NOT NULL,
    micros      BIGINT NOT NULL CHECK (micros >= 0),
    PRIMARY KEY (reseller_id, day)
);

-- The day on which its charge counts there; NULL: on none.
ALTER TABLE orders ADD COLUMN spent_day BIGINT;
