-- name: catalogue
SELECT * FROM catalogue WHERE gone_at_ms IS NULL ORDER BY provider, service;

-- name: catalogue_of_provider
-- With the services that are gone.
SELECT * FROM catalogue WHERE provider = :provider ORDER BY service;

-- name: offers
SELECT * FROM catalogue WHERE provider = :provider AND service IN (:services...);

-- name: save_offer
INSERT INTO catalogue (
    provider, service, name, type, category, rate_micros, min, max, refill, cancel, dripfeed,
    description, gone_at_ms, read_at_ms
) VALUES (
    :provider, :service, :name, :type, :category, :rate_micros, :min, :max, :refill, :cancel,
    :dripfeed, :description, :gone_at_ms, :now_ms
)
ON CONFLICT (provider, service) DO UPDATE
SET name = excluded.name, type = excluded.type, category = excluded.category,
    rate_micros = excluded.rate_micros, min = excluded.min, max = excluded.max,
    refill = excluded.refill, cancel = excluded.cancel, dripfeed = excluded.dripfeed,
    description = excluded.description, gone_at_ms = excluded.gone_at_ms,
    read_at_ms = excluded.read_at_ms;

-- name: drop_offer
DELETE FROM catalogue WHERE provider = :provider AND service = :service;

-- name: insert_change
INSERT INTO catalogue_changes (at_ms, provider, service, field, old, new)
VALUES (:now_ms, :provider, :service, :field, :old, :new);

-- name: changes
SELECT at_ms, provider, service, field, old, new FROM catalogue_changes
WHERE provider = :provider AND at_ms >= :since_ms ORDER BY id DESC LIMIT :limit;

-- name: forget_changes
-- All but the newest.
DELETE FROM catalogue_changes
WHERE provider = :provider AND id <= (
    SELECT id FROM catalogue_changes WHERE provider = :provider
    ORDER BY id DESC LIMIT 1 OFFSET :kept
);
