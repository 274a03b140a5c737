-- name: upsert_refill
-- A panel may answer a repeated request with the refill it already made.
INSERT INTO refills (
    order_id, reseller_id, provider, upstream_refill_id, status, created_at_ms, next_check_at_ms
) VALUES (
    :order_id, :reseller_id, :provider, :upstream_refill_id, 'Pending', :now_ms, :next_check_at_ms
)
ON CONFLICT (order_id, upstream_refill_id)
DO UPDATE SET upstream_refill_id = excluded.upstream_refill_id
RETURNING id;

-- name: refills
SELECT * FROM refills WHERE id IN (:ids...) AND reseller_id = :reseller_id;

-- name: refills_of_order
SELECT * FROM refills WHERE order_id = :order_id ORDER BY id;

-- name: refill_read
UPDATE refills
SET status = :status, asked_at_ms = :asked_at_ms, next_check_at_ms = :next_check_at_ms
WHERE id = :refill_id AND (asked_at_ms IS NULL OR asked_at_ms <= :asked_at_ms);

-- name: refill_unread
UPDATE refills SET next_check_at_ms = :next_check_at_ms
WHERE id = :refill_id AND next_check_at_ms IS NOT NULL;

-- name: refills_awaited
-- The providers that have some.
SELECT DISTINCT provider FROM refills WHERE next_check_at_ms IS NOT NULL;

-- name: abandon_refills
UPDATE refills SET status = 'Rejected', next_check_at_ms = NULL
WHERE provider = :provider AND next_check_at_ms < :before_ms;

-- name: due_refills
SELECT * FROM refills WHERE provider = :provider AND next_check_at_ms <= :until_ms
ORDER BY next_check_at_ms LIMIT :limit;
