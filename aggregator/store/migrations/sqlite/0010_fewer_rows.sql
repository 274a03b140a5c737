-- A transfer names the two accounts it goes between; its two entries are a view of it.
CREATE TABLE moved (
    id            INTEGER PRIMARY KEY,
    reseller_id   INTEGER REFERENCES resellers (id),
    order_id      INTEGER REFERENCES orders (id),
    kind          TEXT NOT NULL,
    version       INTEGER NOT NULL,
    source        TEXT NOT NULL,
    target        TEXT NOT NULL,
    micros        INTEGER NOT NULL CHECK (micros >= 0),
    note          TEXT,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (order_id, kind, version)
) STRICT;

-- Of nothing that was moved, the sign does not tell from where to where.
INSERT INTO moved
SELECT t.id, t.reseller_id, t.order_id, t.kind, t.version,
       coalesce(
           max(CASE WHEN e.amount_micros < 0 THEN e.account END),
           CASE WHEN t.kind IN ('debit', 'hold') THEN 'reseller/' || t.reseller_id || '/available'
                WHEN t.kind IN ('post', 'void') THEN 'reseller/' || t.reseller_id || '/held'
                WHEN t.kind = 'refund' THEN 'sales'
                ELSE 'cash' END
       ),
       coalesce(
           max(CASE WHEN e.amount_micros > 0 THEN e.account END),
           CASE WHEN t.kind IN ('credit', 'void', 'refund')
                     THEN 'reseller/' || t.reseller_id || '/available'
                WHEN t.kind = 'hold' THEN 'reseller/' || t.reseller_id || '/held'
                WHEN t.kind = 'post' THEN 'sales'
                WHEN t.kind = 'loss' THEN max(CASE WHEN e.account LIKE 'loss/%' THEN e.account END)
           END,
           'cash'
       ),
       max(coalesce(max(e.amount_micros), 0), 0),
       t.note, t.created_at_ms
FROM transfers t LEFT JOIN entries e ON e.transfer_id = t.id
GROUP BY t.id;

DROP TABLE entries;
DROP TABLE transfers;
ALTER TABLE moved RENAME TO transfers;
CREATE INDEX transfers_of_reseller ON transfers (reseller_id, id);

CREATE VIEW entries AS
SELECT id AS transfer_id, source AS account, -micros AS amount_micros FROM transfers
UNION ALL
SELECT id, target, micros FROM transfers;

-- How it was sold: the detail of its first event, which every order has.
ALTER TABLE orders ADD COLUMN opened TEXT;

-- By the end of the link, within blocks of IDs: over all links at once, each order would
-- change a page of its own somewhere in the index, the more of them the more orders there are.
DROP INDEX orders_on_link;
CREATE INDEX orders_on_link ON orders (id / 1024, substr(link, length(link) - 11))
    WHERE link IS NOT NULL;
