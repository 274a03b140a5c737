-- name: catalogue
SELECT * FROM catalogue ORDER BY provider, service;

-- name: catalogue_of_provider
SELECT * FROM catalogue WHERE provider = :provider ORDER BY service;

-- name: save_offer
INSERT INTO catalogue (
    provider, service, name, type, category, rate_micros, min, max, refill, cancel, dripfeed,
    description, read_at_ms
) VALUES (
    :provider, :service, :name, :type, :category, :rate_micros, :min, :max, :refill, :cancel,
    :dripfeed, :description, :now_ms
)
ON CONFLICT (provider, service) DO UPDATE
SET name = excluded.name, type = excluded.type, category = excluded.category,
    rate_micros = excluded.rate_micros, min = excluded.min, max = excluded.max,
    refill = excluded.refill, cancel = excluded.cancel, dripfeed = excluded.dripfeed,
    description = excluded.description, read_at_ms = excluded.read_at_ms;

-- name: drop_offer
DELETE FROM catalogue WHERE provider = :provider AND service = :service;
