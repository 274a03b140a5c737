-- name: last_revision
SELECT revision FROM config_revisions ORDER BY id DESC LIMIT 1;

-- name: insert_revision
INSERT INTO config_revisions (at_ms, revision) VALUES (:now_ms, :revision);

-- name: forget_revisions
DELETE FROM config_revisions
WHERE id <= (SELECT id FROM config_revisions ORDER BY id DESC LIMIT 1 OFFSET :kept);

-- name: revision_since
-- Newest first, by its ID: the first that fits is near.
SELECT at_ms FROM config_revisions
WHERE revision = :revision AND at_ms <= :at_ms ORDER BY id DESC LIMIT 1;
