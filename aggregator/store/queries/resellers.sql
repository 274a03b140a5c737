-- name: authenticate
-- A row for each price of his own; one without, where he has none.
SELECT r.id, r.name, r.discount_ppm, k.scopes, k.key_hash, k.addresses,
       p.service_id, p.rate
FROM api_keys k JOIN resellers r ON r.id = k.reseller_id
LEFT JOIN prices p ON p.reseller_id = r.id
WHERE k.key_hash = :key_hash AND r.disabled = 0
  AND (k.expires_at_ms IS NULL OR k.expires_at_ms > :now_ms)
ORDER BY p.service_id;

-- name: insert_reseller
INSERT INTO resellers (name, discount_ppm, created_at_ms) VALUES (:name, :discount_ppm, :now_ms)
ON CONFLICT (name) DO NOTHING
RETURNING id;

-- name: insert_account
INSERT INTO accounts (reseller_id) VALUES (:reseller_id);

-- name: insert_key
INSERT INTO api_keys (
    key_hash, reseller_id, scopes, addresses, daily_cap_micros, created_at_ms
) VALUES (:key_hash, :reseller_id, :scopes, :addresses, :daily_cap_micros, :now_ms)
ON CONFLICT (key_hash) DO NOTHING;

-- name: key
SELECT reseller_id FROM api_keys WHERE key_hash = :key_hash;

-- name: newest_key
SELECT scopes, addresses, daily_cap_micros FROM api_keys WHERE reseller_id = :reseller_id
ORDER BY expires_at_ms IS NULL DESC, created_at_ms DESC LIMIT 1;

-- name: end_retiring_keys
-- At most two keys overlap: one already on its way out goes at once.
UPDATE api_keys SET expires_at_ms = :now_ms
WHERE reseller_id = :reseller_id AND expires_at_ms > :now_ms;

-- name: retire_keys
UPDATE api_keys SET expires_at_ms = :expires_at_ms
WHERE reseller_id = :reseller_id AND expires_at_ms IS NULL;

-- name: keys_of_reseller
-- Those that still open something, the newest first.
SELECT key_hash, scopes, addresses, daily_cap_micros, created_at_ms, expires_at_ms FROM api_keys
WHERE reseller_id = :reseller_id AND (expires_at_ms IS NULL OR expires_at_ms > :now_ms)
ORDER BY expires_at_ms IS NULL DESC, created_at_ms DESC;

-- name: set_addresses
UPDATE api_keys SET addresses = :addresses
WHERE reseller_id = :reseller_id AND (expires_at_ms IS NULL OR expires_at_ms > :now_ms);

-- name: set_daily_cap
UPDATE api_keys SET daily_cap_micros = :daily_cap_micros
WHERE reseller_id = :reseller_id AND (expires_at_ms IS NULL OR expires_at_ms > :now_ms);

-- name: reseller
SELECT r.id, r.name, r.disabled, r.discount_ppm, r.created_at_ms, a.available_micros,
       a.held_micros
FROM resellers r JOIN accounts a ON a.reseller_id = r.id
WHERE r.name = :name;

-- name: resellers
SELECT r.id, r.name, r.disabled, r.discount_ppm, r.created_at_ms, a.available_micros,
       a.held_micros
FROM resellers r JOIN accounts a ON a.reseller_id = r.id
ORDER BY r.name;

-- name: set_disabled
UPDATE resellers SET disabled = :disabled WHERE id = :reseller_id;

-- name: set_discount
UPDATE resellers SET discount_ppm = :discount_ppm WHERE id = :reseller_id;

-- name: set_price
INSERT INTO prices (reseller_id, service_id, rate) VALUES (:reseller_id, :service_id, :rate)
ON CONFLICT (reseller_id, service_id) DO UPDATE SET rate = excluded.rate;

-- name: drop_price
DELETE FROM prices WHERE reseller_id = :reseller_id AND service_id = :service_id;

-- name: prices
SELECT reseller_id, service_id, rate FROM prices ORDER BY reseller_id, service_id;

-- name: prices_of_reseller
SELECT service_id, rate FROM prices WHERE reseller_id = :reseller_id ORDER BY service_id;
