-- Each provider is polled by itself.
DROP INDEX orders_due;
CREATE INDEX orders_due ON orders (provider, next_check_at_ms) WHERE next_check_at_ms IS NOT NULL;

-- Refills are asked after like orders: those that have not ended, from now on.
ALTER TABLE refills ADD COLUMN next_check_at_ms BIGINT;
UPDATE refills SET next_check_at_ms = created_at_ms
WHERE status NOT IN ('Completed', 'Rejected', 'Canceled');
CREATE INDEX refills_due ON refills (provider, next_check_at_ms)
    WHERE next_check_at_ms IS NOT NULL;
