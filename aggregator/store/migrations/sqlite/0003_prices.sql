-- What a reseller pays in place of the list's rates: so many millionths less, or rates of
-- his own, as they were written.
ALTER TABLE resellers ADD COLUMN discount_ppm INTEGER NOT NULL DEFAULT 0
    CHECK (discount_ppm BETWEEN 0 AND 1000000);

CREATE TABLE prices (
    reseller_id INTEGER NOT NULL REFERENCES resellers (id),
    service_id  INTEGER NOT NULL,
    rate        TEXT NOT NULL,
    PRIMARY KEY (reseller_id, service_id)
) STRICT, WITHOUT ROWID;
