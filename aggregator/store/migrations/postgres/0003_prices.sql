-- What a reseller pays in place of the list's rates: so many millionths less, or rates of
-- his own, as they were written.
ALTER TABLE resellers ADD COLUMN discount_ppm BIGINT NOT NULL DEFAULT 0
    CHECK (discount_ppm BETWEEN 0 AND 1000000);

CREATE TABLE prices (
    reseller_id BIGINT NOT NULL REFERENCES resellers (id),
    service_id  BIGINT NOT NULL,
    rate        TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (reseller_id, service_id)
);
