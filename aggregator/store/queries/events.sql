-- name: insert_event
INSERT INTO events (order_id, at_ms, kind, detail) VALUES (:order_id, :now_ms, :kind, :detail);

-- name: has_event
SELECT id FROM events WHERE order_id = :order_id AND kind = :kind AND detail = :detail;

-- name: events
-- The first of all stands with the order itself.
SELECT at_ms, kind, detail
FROM (
    SELECT 0 AS id, created_at_ms AS at_ms, 'opened' AS kind, opened AS detail FROM orders
    WHERE id = :order_id AND opened IS NOT NULL
    UNION ALL
    SELECT id, at_ms, kind, detail FROM events WHERE order_id = :order_id
) AS happened
ORDER BY id;

-- name: forget_events
DELETE FROM events WHERE order_id IN (:ids...);

-- name: count_events
SELECT count(*) AS events FROM events WHERE order_id = :order_id AND kind = :kind;
