-- name: insert_attempt
INSERT INTO attempts (
    order_id, number, provider, upstream_service, kind, state, boot_id, cost_micros, low_anchor,
    idempotency_key, created_at_ms
) VALUES (
    :order_id, :number, :provider, :upstream_service, :kind, 'sending', :boot_id, :cost_micros,
    :low_anchor, :idempotency_key, :now_ms
);

-- name: attempts_made
SELECT coalesce(max(number), 0) AS attempts FROM attempts WHERE order_id = :order_id;

-- name: insert_placed_attempt
-- Of a child: the provider made it by itself.
INSERT INTO attempts (
    order_id, number, provider, upstream_service, kind, state, boot_id, cost_micros,
    created_at_ms, ended_at_ms, upstream_order_id
) VALUES (
    :order_id, 1, :provider, :upstream_service, :kind, 'placed', '', :cost_micros,
    :now_ms, :now_ms, :upstream_order_id
);

-- name: attempt_placed
-- Open ones only, and only while nobody else has that ID.
UPDATE attempts
SET state = 'placed', kind = coalesce(:kind, kind), upstream_order_id = :upstream_order_id,
    ended_at_ms = :now_ms
WHERE id = :attempt_id AND order_id = :order_id AND state IN ('sending', 'in_doubt')
  AND NOT EXISTS (
      SELECT 1 FROM attempts other
      WHERE other.provider = attempts.provider AND other.kind = coalesce(:kind, attempts.kind)
        AND other.upstream_order_id = :upstream_order_id
  );

-- name: bought
-- What an order became by an attempt that was placed.
SELECT a.provider, a.upstream_service, a.upstream_order_id, a.cost_micros, o.reseller_id,
       o.charge_micros
FROM attempts a JOIN orders o ON o.id = a.order_id
WHERE a.id = :attempt_id AND a.order_id = :order_id;

-- name: attempt_in_doubt
UPDATE attempts SET state = 'in_doubt', cause = :cause, connection_died_at_ms = :now_ms
WHERE id = :attempt_id AND order_id = :order_id AND state = 'sending';

-- name: attempt_refused
-- What may have been bought all the same is watched like a doubt.
UPDATE attempts
SET state = :state, cause = :cause, ended_at_ms = :now_ms,
    connection_died_at_ms = :unproved_at_ms
WHERE id = :attempt_id AND order_id = :order_id AND state = 'sending';

-- name: attempt_not_placed
UPDATE attempts SET state = 'not_placed', ended_at_ms = :now_ms
WHERE order_id = :order_id AND state = 'in_doubt';

-- name: attempt
SELECT * FROM attempts WHERE id = :attempt_id;

-- name: attempts
SELECT * FROM attempts WHERE order_id = :order_id ORDER BY number;

-- name: open_attempt
SELECT * FROM attempts WHERE order_id = :order_id AND state IN ('sending', 'in_doubt');

-- name: order_of_upstream
SELECT order_id FROM attempts
WHERE provider = :provider AND kind = :kind AND upstream_order_id = :upstream_order_id;

-- name: attempts_of_the_dead
-- The first condition is that of the index of open attempts.
SELECT id, order_id FROM attempts
WHERE state IN ('sending', 'in_doubt') AND state = 'sending' AND boot_id NOT IN (:alive...)
ORDER BY order_id;

-- name: forget_causes
UPDATE attempts SET cause = NULL WHERE order_id IN (:ids...);
