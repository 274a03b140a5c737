-- name: insert_event
INSERT INTO events (order_id, at_ms, kind, detail) VALUES (:order_id, :now_ms, :kind, :detail);

-- name: has_event
SELECT id FROM events WHERE order_id = :order_id AND kind = :kind AND detail = :detail;

-- name: events
SELECT at_ms, kind, detail FROM events WHERE order_id = :order_id ORDER BY id;

-- name: forget_events
DELETE FROM events WHERE order_id IN (:ids...);

-- name: count_events
SELECT count(*) AS events FROM events WHERE order_id = :order_id AND kind = :kind;
