-- A transfer names the two accounts it goes between; its two entries are a view of it.
ALTER TABLE transfers
    ADD COLUMN source TEXT COLLATE "C",
    ADD COLUMN target TEXT COLLATE "C",
    ADD COLUMN micros BIGINT CHECK (micros >= 0);

-- Of nothing that was moved, the sign does not tell from where to where.
UPDATE transfers
SET source = coalesce(
        moved.source,
        CASE WHEN kind IN ('debit', 'hold') THEN 'reseller/' || reseller_id || '/available'
             WHEN kind IN ('post', 'void') THEN 'reseller/' || reseller_id || '/held'
             WHEN kind = 'refund' THEN 'sales'
             ELSE 'cash' END
    ),
    target = coalesce(
        moved.target,
        CASE WHEN kind IN ('credit', 'void', 'refund')
                  THEN 'reseller/' || reseller_id || '/available'
             WHEN kind = 'hold' THEN 'reseller/' || reseller_id || '/held'
             WHEN kind = 'post' THEN 'sales'
             WHEN kind = 'loss' THEN moved.loss
        END,
        'cash'
    ),
    micros = greatest(moved.micros, 0)
FROM (
    SELECT t.id,
           max(CASE WHEN e.amount_micros < 0 THEN e.account END) AS source,
           max(CASE WHEN e.amount_micros > 0 THEN e.account END) AS target,
           max(CASE WHEN e.account LIKE 'loss/%' THEN e.account END) AS loss,
           max(e.amount_micros) AS micros
    FROM transfers t LEFT JOIN entries e ON e.transfer_id = t.id
    GROUP BY t.id
) AS moved
WHERE moved.id = transfers.id;

ALTER TABLE transfers
    ALTER COLUMN source SET NOT NULL,
    ALTER COLUMN target SET NOT NULL,
    ALTER COLUMN micros SET NOT NULL;

DROP TABLE entries;

CREATE VIEW entries AS
SELECT id AS transfer_id, source AS account, -micros AS amount_micros FROM transfers
UNION ALL
SELECT id, target, micros FROM transfers;

-- How it was sold: the detail of its first event, which every order has.
ALTER TABLE orders ADD COLUMN opened TEXT COLLATE "C";

-- By the end of the link, within blocks of IDs: over all links at once, each order would
-- change a page of its own somewhere in the index, the more of them the more orders there are.
DROP INDEX orders_on_link;
CREATE INDEX orders_on_link ON orders ((id / 1024), substr(link, length(link) - 11))
    WHERE link IS NOT NULL;
