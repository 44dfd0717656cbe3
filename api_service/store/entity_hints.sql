-- name: hook_of_salon
SELECT webhook_secret, integration_status AS status FROM companies WHERE yclients_id = %(salon_id)s;

-- name: add_hint
-- A copy changes nothing: whoever has read the row may then delete it.
INSERT INTO entity_hints AS known (salon_id, resource, resource_id, status, changed_at)
VALUES (%(salon_id)s, %(resource)s, %(resource_id)s, %(status)s, %(changed_at)s)
ON CONFLICT (salon_id, resource, resource_id) DO UPDATE SET
    status = excluded.status, changed_at = excluded.changed_at, received_at = now()
WHERE (known.status, known.changed_at) IS DISTINCT FROM (excluded.status, excluded.changed_at);

-- name: trim_hints
DELETE FROM entity_hints WHERE received_at < now() - make_interval(days => %(days)s);

-- name: add_notification
INSERT INTO marketplace_notifications (kind, salon_id, body)
VALUES (%(kind)s, %(salon_id)s, %(body)s);

-- name: trim_notifications
DELETE FROM marketplace_notifications
WHERE received_at < now() - make_interval(days => %(days)s)
    OR id <= (SELECT COALESCE(max(id), 0) FROM marketplace_notifications) - %(number)s;
