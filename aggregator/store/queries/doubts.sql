-- name: unproved
-- Attempts in doubt, and those closed since then though no answer had proved them; for two
-- days more, those whose order is there after all: a cancel may be under way.
SELECT a.id, a.order_id, a.provider, a.upstream_service, a.kind, a.state, a.cost_micros,
       a.created_at_ms, a.ended_at_ms, a.upstream_order_id, a.low_anchor, a.idempotency_key,
       a.connection_died_at_ms
FROM attempts a
WHERE a.state IN ('sending', 'in_doubt') AND a.state = 'in_doubt'
UNION ALL
SELECT a.id, a.order_id, a.provider, a.upstream_service, a.kind, a.state, a.cost_micros,
       a.created_at_ms, a.ended_at_ms, a.upstream_order_id, a.low_anchor, a.idempotency_key,
       a.connection_died_at_ms
FROM attempts a
WHERE a.connection_died_at_ms IS NOT NULL AND a.state <> 'placed'
  AND a.ended_at_ms >= :since_ms - 172800000
  AND (a.ended_at_ms >= :since_ms OR a.upstream_order_id IS NOT NULL);

-- name: events_of_kind
SELECT order_id, at_ms, detail FROM events WHERE order_id IN (:ids...) AND kind = :kind;

-- name: latest_adds
-- What was sent there and has been answered, or will be: not what is or was in doubt.
SELECT id, kind, state, created_at_ms, ended_at_ms, upstream_order_id FROM attempts
WHERE provider = :provider AND boot_id <> '' AND connection_died_at_ms IS NULL
ORDER BY id DESC LIMIT :limit;

-- name: adds_from
SELECT id, kind, state, created_at_ms, ended_at_ms, upstream_order_id FROM attempts
WHERE provider = :provider AND id >= :from_id AND boot_id <> ''
  AND connection_died_at_ms IS NULL
ORDER BY id LIMIT :limit;

-- name: spent_there
-- What may have moved our balance there.
SELECT id, created_at_ms, ended_at_ms, cost_micros, connection_died_at_ms FROM attempts
WHERE provider = :provider AND boot_id <> ''
  AND (state NOT IN ('not_sent', 'rejected') OR connection_died_at_ms IS NOT NULL)
ORDER BY id DESC LIMIT :limit;

-- name: adds_in_flight
-- The || keeps SQLite from going through all there ever was at that provider.
SELECT id, kind, state, created_at_ms, ended_at_ms, upstream_order_id FROM attempts
WHERE state IN ('sending', 'in_doubt') AND state = 'sending' AND provider || '' = :provider;

-- name: first_ids
-- As answered: what was in doubt may have been named by a person, who may have erred.
SELECT kind, upstream_order_id FROM attempts
WHERE provider = :provider AND id > :after_id AND upstream_order_id IS NOT NULL
  AND connection_died_at_ms IS NULL
ORDER BY id LIMIT :limit;

-- name: ids_between
-- Of decimal IDs of one length the order as text is that of the numbers.
SELECT upstream_order_id FROM attempts
WHERE provider = :provider AND kind = :kind
  AND upstream_order_id >= :low AND upstream_order_id <= :high
  AND length(upstream_order_id) = length(:low)
UNION ALL
SELECT upstream_order_id FROM foundlings
WHERE provider = :provider AND kind = :kind
  AND upstream_order_id >= :low AND upstream_order_id <= :high
  AND length(upstream_order_id) = length(:low);

-- name: charges_shown
-- Of orders that show all that they were sold for.
SELECT upstream_cost_micros, upstream_charge_micros FROM orders
WHERE provider = :provider AND kind <> 'subscription' AND parent_id IS NULL
  AND upstream_cost_micros IS NOT NULL AND upstream_charge_micros IS NOT NULL
  AND word IN ('pending', 'processing', 'in_progress', 'active', 'paused', 'completed')
ORDER BY id DESC LIMIT :limit;

-- name: parents_open
-- Orders out of which a provider still makes others. The ||: see adds_in_flight.
SELECT o.*, EXISTS (SELECT 1 FROM orders child WHERE child.parent_id = o.id) AS has_children
FROM orders o
WHERE o.state = 'placed' AND o.ended_at_ms IS NULL AND o.provider || '' = :provider
  AND o.kind <> 'normal';

-- name: refills_open
SELECT o.id, o.upstream_service FROM refills r JOIN orders o ON o.id = r.order_id
WHERE r.provider = :provider AND r.created_at_ms >= :since_ms
  AND r.status NOT IN ('Completed', 'Rejected', 'Canceled');

-- name: doubt_placed
UPDATE attempts SET state = 'placed', upstream_order_id = :upstream_order_id,
    ended_at_ms = :now_ms
WHERE id = :attempt_id AND state = 'in_doubt'
  AND NOT EXISTS (
      SELECT 1 FROM attempts other
      WHERE other.provider = attempts.provider AND other.kind = attempts.kind
        AND other.upstream_order_id = :upstream_order_id
  );

-- name: doubt_not_placed
UPDATE attempts SET state = 'not_placed', ended_at_ms = :now_ms
WHERE id = :attempt_id AND order_id = :order_id AND state = 'in_doubt';

-- name: doubt_needs_person
UPDATE orders SET needs_person = 1
WHERE id = :order_id AND state = 'in_doubt' AND needs_person = 0;

-- name: map_late
-- Closed as never bought, and bought all the same: the ID belongs to us.
UPDATE attempts SET upstream_order_id = :upstream_order_id
WHERE id = :attempt_id AND state IN ('not_placed', 'rejected', 'not_sent')
  AND upstream_order_id IS NULL
  AND NOT EXISTS (
      SELECT 1 FROM attempts other
      WHERE other.provider = attempts.provider AND other.kind = attempts.kind
        AND other.upstream_order_id = :upstream_order_id
  );

-- name: forget_meta
DELETE FROM meta WHERE key = :key;
