-- name: verify_transfers
-- Each goes between the accounts that its kind says.
SELECT id, kind, micros, source, target FROM transfers
WHERE micros < 0 OR NOT coalesce(
    CASE kind
        WHEN 'credit' THEN source = 'cash' AND target = 'reseller/' || reseller_id || '/available'
        WHEN 'debit' THEN source = 'reseller/' || reseller_id || '/available' AND target = 'cash'
        WHEN 'hold' THEN source = 'reseller/' || reseller_id || '/available'
                     AND target = 'reseller/' || reseller_id || '/held'
        WHEN 'post' THEN source = 'reseller/' || reseller_id || '/held' AND target = 'sales'
        WHEN 'void' THEN source = 'reseller/' || reseller_id || '/held'
                     AND target = 'reseller/' || reseller_id || '/available'
        WHEN 'refund' THEN source = 'sales' AND target = 'reseller/' || reseller_id || '/available'
        WHEN 'loss' THEN source = 'cash' AND target LIKE 'loss/%'
    END, FALSE);

-- name: verify_balances
-- Summed up from where to where first: that is sorted once, the entries would be twice.
WITH moved AS MATERIALIZED (
    SELECT source, target, sum(micros) AS micros FROM transfers GROUP BY source, target
), sums AS MATERIALIZED (
    SELECT account, sum(micros) AS micros
    FROM (
        SELECT source AS account, -micros AS micros FROM moved
        UNION ALL
        SELECT target, micros FROM moved
    ) AS parts
    GROUP BY account
)
SELECT stored.account, stored.micros AS stored, coalesce(sums.micros, 0) AS moved
FROM (
    SELECT 'reseller/' || reseller_id || '/available' AS account, available_micros AS micros
    FROM accounts
    UNION ALL
    SELECT 'reseller/' || reseller_id || '/held', held_micros FROM accounts
) AS stored
LEFT JOIN sums ON sums.account = stored.account
WHERE stored.micros <> coalesce(sums.micros, 0);

-- name: verify_accounts_exist
WITH moved AS MATERIALIZED (SELECT DISTINCT source, target FROM transfers)
SELECT account
FROM (SELECT source AS account FROM moved UNION SELECT target FROM moved) AS named
WHERE account LIKE 'reseller/%'
  AND account NOT IN (
      SELECT 'reseller/' || reseller_id || '/available' FROM accounts
      UNION ALL
      SELECT 'reseller/' || reseller_id || '/held' FROM accounts
  );

-- name: verify_negative
SELECT reseller_id, available_micros, held_micros FROM accounts
WHERE available_micros < 0 OR held_micros < 0;

-- name: verify_held
SELECT a.reseller_id, a.held_micros, coalesce(open_ones.micros, 0) AS open_micros
FROM accounts a
LEFT JOIN (
    SELECT reseller_id, sum(charge_micros) AS micros FROM orders
    WHERE state IN ('sending', 'queued', 'in_doubt') AND ended_at_ms IS NULL
    GROUP BY reseller_id
) AS open_ones ON open_ones.reseller_id = a.reseller_id
WHERE a.held_micros <> coalesce(open_ones.micros, 0);

-- name: verify_orders
-- What the transfers of an order must be, given its state.
SELECT * FROM (
    SELECT o.id, o.parent_id, o.state, o.charge_micros, o.refunded_micros,
           sum(CASE WHEN t.kind = 'hold' THEN 1 ELSE 0 END) AS holds,
           sum(CASE WHEN t.kind = 'post' THEN 1 ELSE 0 END) AS posts,
           sum(CASE WHEN t.kind = 'void' THEN 1 ELSE 0 END) AS voids,
           sum(CASE WHEN t.kind IN ('hold', 'post', 'void') AND t.micros <> o.charge_micros
                    THEN 1 ELSE 0 END) AS uneven,
           sum(CASE WHEN t.kind = 'refund' THEN t.micros ELSE 0 END) AS refunds
    FROM orders o
    LEFT JOIN transfers t ON t.order_id = o.id
    GROUP BY o.id, o.parent_id, o.state, o.charge_micros, o.refunded_micros
) AS sums
WHERE uneven > 0
   OR refunds <> refunded_micros
   OR refunded_micros > charge_micros
   OR (refunded_micros > 0 AND posts = 0)
   OR holds <> CASE WHEN parent_id IS NULL THEN 1 ELSE 0 END
   OR posts + voids <> CASE WHEN parent_id IS NOT NULL
                             OR state IN ('sending', 'queued', 'in_doubt') THEN 0 ELSE 1 END
   OR (voids > 0 AND state NOT IN ('rejected', 'canceled'))
   OR (posts > 0 AND state = 'rejected');

-- name: verify_ends
SELECT id, state FROM orders
WHERE (ended_at_ms IS NULL) <> (state IN ('sending', 'queued', 'in_doubt', 'placed'));

-- name: verify_open_attempts
SELECT a.id, a.order_id, a.state, o.state AS order_state
FROM attempts a JOIN orders o ON o.id = a.order_id
WHERE a.state IN ('sending', 'in_doubt') AND a.state <> o.state;

-- name: verify_unattempted
SELECT o.id, o.state FROM orders o
WHERE o.ended_at_ms IS NULL AND o.state IN ('sending', 'in_doubt')
  AND NOT EXISTS (
      SELECT 1 FROM attempts a WHERE a.order_id = o.id AND a.state IN ('sending', 'in_doubt')
  );

-- name: verify_placed
-- The || keeps SQLite from going through all of a provider's attempts for each order.
SELECT o.id, o.state FROM orders o
WHERE (o.upstream_order_id IS NOT NULL OR o.state IN ('placed', 'completed', 'partial'))
  AND NOT EXISTS (
      SELECT 1 FROM attempts a
      WHERE a.order_id = o.id AND a.state = 'placed' AND a.provider || '' = o.provider
        AND a.upstream_order_id = o.upstream_order_id
  );

-- name: verify_placed_attempts
SELECT a.id, a.order_id, a.provider, a.upstream_order_id
FROM attempts a JOIN orders o ON o.id = a.order_id
WHERE a.state = 'placed'
  AND (o.provider IS NULL OR o.provider <> a.provider
       OR o.upstream_order_id IS NULL OR o.upstream_order_id <> a.upstream_order_id);

-- name: verify_upstream_ids
SELECT provider, kind, upstream_order_id, count(*) AS orders FROM attempts
WHERE upstream_order_id IS NOT NULL
GROUP BY provider, kind, upstream_order_id
HAVING count(*) > 1;

-- name: verify_spending
SELECT s.reseller_id, s.day, s.micros, coalesce(counted.micros, 0) AS counted
FROM spending s
LEFT JOIN (
    SELECT reseller_id, spent_day, sum(charge_micros) AS micros FROM orders
    WHERE spent_day IS NOT NULL
      AND NOT (state IN ('rejected', 'canceled') AND upstream_order_id IS NULL)
    GROUP BY reseller_id, spent_day
) AS counted ON counted.reseller_id = s.reseller_id AND counted.spent_day = s.day
WHERE s.micros <> coalesce(counted.micros, 0);
