-- name: remembered
-- The first answer decides for all: the error of a rejected order is kept with it.
SELECT i.fingerprint, i.order_id, o.kind, o.state, o.error
FROM idempotency i JOIN orders o ON o.id = i.order_id
WHERE i.reseller_id = :reseller_id AND i.request_id = :request_id;

-- name: remember
INSERT INTO idempotency (reseller_id, request_id, fingerprint, order_id, created_at_ms)
VALUES (:reseller_id, :request_id, :fingerprint, :order_id, :now_ms);

-- name: forget_requests
DELETE FROM idempotency
WHERE (reseller_id, request_id) IN (
    SELECT reseller_id, request_id FROM idempotency
    WHERE created_at_ms < :before_ms ORDER BY created_at_ms LIMIT :limit
);
