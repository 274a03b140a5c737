-- Orders by the time of their end: what is forgotten of them goes by it.
CREATE INDEX orders_ended ON orders (ended_at_ms, id) WHERE ended_at_ms IS NOT NULL;
