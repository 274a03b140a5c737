-- name: hold_charge
-- Changes nothing where the money does not suffice or the reseller may not order; nor where
-- a cap is to be asked first, unless it has been.
UPDATE accounts
SET available_micros = available_micros - :charge_micros,
    held_micros = held_micros + :charge_micros
WHERE reseller_id = :reseller_id
  AND available_micros >= :charge_micros
  AND EXISTS (SELECT 1 FROM resellers WHERE id = :reseller_id AND disabled = 0)
  AND (:cap_asked = 1 OR NOT EXISTS (
      SELECT 1 FROM api_keys
      WHERE reseller_id = :reseller_id AND daily_cap_micros IS NOT NULL
        AND (expires_at_ms IS NULL OR expires_at_ms > :now_ms)
  ));

-- name: daily_cap
SELECT min(daily_cap_micros) AS micros FROM api_keys
WHERE reseller_id = :reseller_id AND (expires_at_ms IS NULL OR expires_at_ms > :now_ms);

-- name: spend
-- Changes nothing where the day's cap does not leave room for the charge.
INSERT INTO spending (reseller_id, day, micros)
SELECT :reseller_id, :day, :charge_micros WHERE :charge_micros <= :cap_micros
ON CONFLICT (reseller_id, day) DO UPDATE SET micros = spending.micros + excluded.micros
WHERE spending.micros + excluded.micros <= :cap_micros;

-- name: spend_anyway
INSERT INTO spending (reseller_id, day, micros) VALUES (:reseller_id, :day, :charge_micros)
ON CONFLICT (reseller_id, day) DO UPDATE SET micros = spending.micros + excluded.micros;

-- name: unspend
UPDATE spending SET micros = micros - :charge_micros
WHERE reseller_id = :reseller_id AND day = :day;

-- name: spent
SELECT micros FROM spending WHERE reseller_id = :reseller_id AND day = :day;

-- name: latest_charges
SELECT id, charge_micros, created_at_ms, spent_day,
       CASE WHEN state IN ('rejected', 'canceled') AND upstream_order_id IS NULL
            THEN 1 ELSE 0 END AS unbought
FROM orders WHERE reseller_id = :reseller_id AND id < :before ORDER BY id DESC LIMIT :limit;

-- name: counts_as_spent
UPDATE orders SET spent_day = :day WHERE id IN (:ids...);

-- name: move_balance
UPDATE accounts
SET available_micros = available_micros + :available_micros,
    held_micros = held_micros + :held_micros
WHERE reseller_id = :reseller_id
  AND available_micros + :available_micros >= 0
  AND held_micros + :held_micros >= 0;

-- name: insert_transfer
-- Version 1: there is one of its kind to an order, or it belongs to none.
INSERT INTO transfers (
    reseller_id, order_id, kind, version, source, target, micros, note, created_at_ms
) VALUES (:reseller_id, :order_id, :kind, 1, :source, :target, :micros, :note, :now_ms);

-- name: insert_next_transfer
-- Refunds and losses: an order may have several.
INSERT INTO transfers (
    reseller_id, order_id, kind, version, source, target, micros, note, created_at_ms
)
SELECT :reseller_id, :order_id, :kind, coalesce(max(version), 0) + 1, :source, :target, :micros,
       :note, :now_ms
FROM transfers WHERE order_id = :order_id AND kind = :kind;

-- name: has_transfer
SELECT id FROM transfers WHERE order_id = :order_id AND kind = :kind;

-- name: transfers_of_order
SELECT kind, version, note, created_at_ms, micros FROM transfers
WHERE order_id = :order_id ORDER BY id;

-- name: statement
-- One line a transfer, with what it did to what the reseller can spend and to what is held.
SELECT id, order_id, kind, version, note, created_at_ms,
       CASE :available WHEN target THEN micros WHEN source THEN -micros ELSE 0 END
           AS available_micros,
       CASE :held WHEN target THEN micros WHEN source THEN -micros ELSE 0 END AS held_micros
FROM transfers
WHERE reseller_id = :reseller_id AND id > :after
  AND created_at_ms >= :from_ms AND created_at_ms < :until_ms
ORDER BY id LIMIT :limit;

-- name: balance_at
SELECT coalesce(sum(CASE :available WHEN target THEN micros WHEN source THEN -micros END), 0)
           AS available_micros,
       coalesce(sum(CASE :held WHEN target THEN micros WHEN source THEN -micros END), 0)
           AS held_micros
FROM transfers
WHERE reseller_id = :reseller_id AND created_at_ms < :at_ms;

-- name: takings
-- What touched the house's own money, with what is known of the order by now.
SELECT t.id, t.kind, t.created_at_ms, t.micros, t.target AS account,
       o.id AS order_id, o.service_id, o.kind AS order_kind, o.provider, o.charge_micros,
       o.refunded_micros, o.upstream_cost_micros, o.upstream_charge_micros
FROM transfers t
LEFT JOIN orders o ON o.id = t.order_id
WHERE t.id > :after AND t.kind IN ('post', 'refund', 'loss')
  AND t.created_at_ms >= :from_ms AND t.created_at_ms < :until_ms
ORDER BY t.id LIMIT :limit;

-- name: charged_for_children
SELECT sum(upstream_charge_micros) AS micros FROM orders WHERE parent_id = :parent_id;

-- name: available
SELECT available_micros FROM accounts WHERE reseller_id = :reseller_id;
