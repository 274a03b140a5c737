-- name: authenticate
SELECT r.id, r.name, k.scopes, k.key_hash
FROM api_keys k JOIN resellers r ON r.id = k.reseller_id
WHERE k.key_hash = :key_hash AND r.disabled = 0
  AND (k.expires_at_ms IS NULL OR k.expires_at_ms > :now_ms);

-- name: insert_reseller
INSERT INTO resellers (name, created_at_ms) VALUES (:name, :now_ms)
ON CONFLICT (name) DO NOTHING
RETURNING id;

-- name: insert_account
INSERT INTO accounts (reseller_id) VALUES (:reseller_id);

-- name: insert_key
INSERT INTO api_keys (key_hash, reseller_id, scopes, created_at_ms)
VALUES (:key_hash, :reseller_id, :scopes, :now_ms);

-- name: newest_key
SELECT scopes FROM api_keys WHERE reseller_id = :reseller_id
ORDER BY expires_at_ms IS NULL DESC, created_at_ms DESC LIMIT 1;

-- name: end_retiring_keys
-- At most two keys overlap: one already on its way out goes at once.
UPDATE api_keys SET expires_at_ms = :now_ms
WHERE reseller_id = :reseller_id AND expires_at_ms > :now_ms;

-- name: retire_keys
UPDATE api_keys SET expires_at_ms = :expires_at_ms
WHERE reseller_id = :reseller_id AND expires_at_ms IS NULL;

-- name: reseller
SELECT r.id, r.name, r.disabled, r.created_at_ms, a.available_micros, a.held_micros
FROM resellers r JOIN accounts a ON a.reseller_id = r.id
WHERE r.name = :name;

-- name: resellers
SELECT r.id, r.name, r.disabled, r.created_at_ms, a.available_micros, a.held_micros
FROM resellers r JOIN accounts a ON a.reseller_id = r.id
ORDER BY r.name;

-- name: set_disabled
UPDATE resellers SET disabled = :disabled WHERE id = :reseller_id;
