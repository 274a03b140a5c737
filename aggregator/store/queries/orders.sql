-- name: insert_order
INSERT INTO orders (
    reseller_id, service_id, service_type, kind, state, quantity, units, rate_micros,
    charge_micros, params, link, runs, interval, config_revision, created_at_ms, queued_until_ms,
    spent_day, opened
) VALUES (
    :reseller_id, :service_id, :service_type, :kind, :state, :quantity, :units, :rate_micros,
    :charge_micros, :params, :link, :runs, :interval, :config_revision, :now_ms, :queued_until_ms,
    :spent_day, :opened
);

-- name: insert_child
INSERT INTO orders (
    parent_id, reseller_id, service_id, service_type, kind, state, quantity, units, rate_micros,
    charge_micros, share_micros, params, link, config_revision, created_at_ms, provider,
    upstream_service, upstream_order_id, upstream_cost_micros, remains, next_check_at_ms
) VALUES (
    :parent_id, :reseller_id, :service_id, :service_type, :kind, :state, :quantity, :units,
    :rate_micros, :charge_micros, :share_micros, :params, :link, :config_revision, :created_at_ms,
    :provider, :upstream_service, :upstream_order_id, :upstream_cost_micros, :remains,
    :next_check_at_ms
);

-- name: order
SELECT * FROM orders WHERE id = :order_id;

-- name: orders
SELECT * FROM orders WHERE id IN (:ids...);

-- name: orders_of_one
SELECT * FROM orders WHERE id IN (:ids...) AND reseller_id = :reseller_id;

-- name: children
SELECT * FROM orders WHERE parent_id = :parent_id ORDER BY id;

-- name: children_of_some
SELECT * FROM orders WHERE parent_id IN (:ids...) ORDER BY id;

-- name: queued
SELECT * FROM orders
WHERE state = 'queued' AND ended_at_ms IS NULL AND service_id = :service_id AND id > :after_id
ORDER BY id LIMIT :limit;

-- name: queued_services
SELECT DISTINCT service_id FROM orders WHERE state = 'queued' AND ended_at_ms IS NULL;

-- name: queued_too_long
SELECT id FROM orders
WHERE state = 'queued' AND ended_at_ms IS NULL AND queued_until_ms <= :now_ms
ORDER BY id LIMIT :limit;

-- name: due
SELECT * FROM orders WHERE provider = :provider AND next_check_at_ms <= :until_ms
ORDER BY next_check_at_ms LIMIT :limit;

-- name: overdue
SELECT count(*) AS orders, max(:now_ms - next_check_at_ms) AS oldest_ms,
    sum(:now_ms - next_check_at_ms) AS sum_ms
FROM orders
WHERE provider = :provider AND next_check_at_ms <= :now_ms AND ended_at_ms IS NULL;

-- name: order_placed
-- From sending or in_doubt: both may follow with placed.
UPDATE orders
SET state = 'placed', needs_person = 0, provider = :provider,
    upstream_service = :upstream_service, upstream_order_id = :upstream_order_id,
    upstream_cost_micros = :cost_micros, word = NULL, remains = units,
    next_check_at_ms = :next_check_at_ms
WHERE id = :order_id AND state IN ('sending', 'in_doubt');

-- name: order_in_doubt
UPDATE orders SET state = 'in_doubt' WHERE id = :order_id AND state = 'sending';

-- name: order_sending
UPDATE orders SET state = 'sending' WHERE id = :order_id AND state = 'queued';

-- name: order_queued
-- Back in the queue after a try, an order has no more time than it had.
UPDATE orders
SET state = 'queued', needs_person = 0,
    queued_until_ms = CASE WHEN state = 'sending' AND queued_until_ms IS NOT NULL
                           THEN queued_until_ms ELSE :queued_until_ms END
WHERE id = :order_id AND state = :from_state;

-- name: order_ended
-- Without anything bought: rejected or canceled.
UPDATE orders SET state = :to_state, needs_person = 0, error = :error, ended_at_ms = :now_ms
WHERE id = :order_id AND state = :from_state
RETURNING reseller_id, charge_micros, spent_day;

-- name: queue_longer
UPDATE orders SET queued_until_ms = :queued_until_ms
WHERE id = :order_id AND state = 'queued';

-- name: order_settled
-- Guarded by what the settlement was computed from.
UPDATE orders
SET state = :state, word = :word, start_count = :start_count, remains = :remains,
    refunded_micros = :refunded_micros, upstream_charge_micros = :upstream_charge_micros,
    runs_done = :runs_done, posts_done = :posts_done, expiry = :expiry,
    asked_at_ms = :asked_at_ms, next_check_at_ms = :next_check_at_ms,
    failed_since_ms = :failed_since_ms, unreadable_since_ms = :unreadable_since_ms,
    ended_at_ms = :ended_at_ms
WHERE id = :id AND state = :from_state AND refunded_micros = :from_refunded_micros;

-- name: order_goes_on
-- What settlement.progress tells, guarded by what it was computed from: each answer that is
-- applied changes when it was asked. (The state is not set: it stands in indexes.)
UPDATE orders
SET word = :word, start_count = :start_count, remains = :remains,
    upstream_charge_micros = :upstream_charge_micros, runs_done = :runs_done,
    posts_done = :posts_done, expiry = :expiry, asked_at_ms = :asked_at_ms,
    next_check_at_ms = :next_check_at_ms, failed_since_ms = :failed_since_ms,
    unreadable_since_ms = :unreadable_since_ms
WHERE id = :order_id AND state = 'placed' AND coalesce(asked_at_ms, -1) = :from_asked_at_ms;

-- name: order_refunded
UPDATE orders SET refunded_micros = refunded_micros + :micros
WHERE id = :order_id AND refunded_micros + :micros <= charge_micros;

-- name: check_later
UPDATE orders SET next_check_at_ms = :next_check_at_ms
WHERE id IN (:ids...) AND next_check_at_ms IS NOT NULL;

-- name: open_by_provider
-- Orders that a provider still has to deliver, or may have.
SELECT provider, count(*) AS orders
FROM (
    SELECT provider FROM orders WHERE state = 'placed' AND ended_at_ms IS NULL
    UNION ALL
    SELECT provider FROM attempts WHERE state IN ('sending', 'in_doubt')
) AS open_ones
GROUP BY provider;

-- name: named_by_provider
-- Whether a provider has ever given an order of ours an ID: the first there is, no more.
SELECT upstream_order_id FROM attempts
WHERE provider = :provider AND upstream_order_id IS NOT NULL LIMIT 1;

-- name: open_by_state
SELECT state, count(*) AS orders FROM orders WHERE ended_at_ms IS NULL GROUP BY state;

-- name: oldest_open
SELECT min(created_at_ms) AS created_at_ms FROM orders
WHERE state = :state AND ended_at_ms IS NULL;

-- name: waiting_for_person
SELECT count(*) AS orders FROM orders
WHERE state = 'in_doubt' AND ended_at_ms IS NULL AND needs_person = 1;

-- name: ended_orders
SELECT id, ended_at_ms, params FROM orders
WHERE ended_at_ms >= :after_ms AND (ended_at_ms, id) > (:after_ms, :after_id)
  AND ended_at_ms < :before_ms
ORDER BY ended_at_ms, id LIMIT :limit;

-- name: forget_opened
UPDATE orders SET opened = NULL WHERE id IN (:ids...);

-- name: forget_params
UPDATE orders SET params = :params, link = :link WHERE id = :order_id;

-- name: sold_before
-- What resellers ordered, newest first; not what a provider made of it.
SELECT * FROM orders WHERE id < :before_id AND parent_id IS NULL ORDER BY id DESC LIMIT :limit;
