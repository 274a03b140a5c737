-- name: restore_stages
SELECT key, value FROM meta WHERE key >= 'restored/' AND key < 'restored0';

-- name: forget_restore
DELETE FROM meta WHERE key >= 'restored' AND key < 'restored0';

-- name: first_attempts
SELECT created_at_ms FROM attempts WHERE provider = :provider ORDER BY id LIMIT :limit;

-- name: doubts_to_a_person
UPDATE orders SET needs_person = 1 WHERE state = 'in_doubt' AND ended_at_ms IS NULL RETURNING id;

-- name: all_queued
SELECT id FROM orders WHERE state = 'queued' AND ended_at_ms IS NULL ORDER BY id;

-- name: found_first
-- The || keeps SQLite from going through all there ever was at that provider.
SELECT kind, low_anchor FROM attempts
WHERE state IN ('sending', 'in_doubt') AND provider || '' = :provider;

-- name: insert_foundling
INSERT INTO foundlings (
    provider, kind, upstream_order_id, word, charge_micros, start_count, remains, found_at_ms
) VALUES (
    :provider, :kind, :upstream_order_id, :word, :charge_micros, :start_count, :remains, :now_ms
) ON CONFLICT DO NOTHING;

-- name: foundlings
-- Without those that are known by now: children that their parent has named since.
SELECT f.* FROM foundlings f
WHERE NOT EXISTS (
    SELECT 1 FROM attempts a
    WHERE a.provider = f.provider AND a.kind = f.kind
      AND a.upstream_order_id = f.upstream_order_id
)
ORDER BY f.provider, f.kind, length(f.upstream_order_id), f.upstream_order_id;

-- name: last_attempt
SELECT id FROM attempts WHERE id > 0 ORDER BY id DESC LIMIT 1;
