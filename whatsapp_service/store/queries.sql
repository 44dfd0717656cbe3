-- name: save_device
INSERT INTO whatsapp_sessions (session_id, jid, phone, state, reason, linked_at, updated_at)
VALUES (%(session_id)s, %(jid)s, %(phone)s, 'linked', NULL, now(), now())
ON CONFLICT (session_id) DO UPDATE
SET jid = excluded.jid, phone = excluded.phone, state = 'linked', reason = NULL,
    linked_at = now(), updated_at = now();

-- name: mark_connected
INSERT INTO whatsapp_sessions
    (session_id, jid, phone, state, linked_at, last_connected_at, updated_at)
VALUES (%(session_id)s, %(jid)s, %(phone)s, 'linked', now(), now(), now())
ON CONFLICT (session_id) DO UPDATE
SET jid = excluded.jid, phone = excluded.phone, state = 'linked', reason = NULL,
    last_connected_at = now(), updated_at = now();

-- name: forget_device
UPDATE whatsapp_sessions
SET jid = NULL, state = %(state)s, reason = %(reason)s, updated_at = now()
WHERE session_id = %(session_id)s;

-- name: mark_ended
UPDATE whatsapp_sessions
SET state = %(state)s, reason = %(reason)s, updated_at = now()
WHERE session_id = %(session_id)s;

-- name: set_frozen
INSERT INTO whatsapp_sessions (session_id, state, frozen)
VALUES (%(session_id)s, 'idle', %(frozen)s)
ON CONFLICT (session_id) DO UPDATE SET frozen = excluded.frozen, updated_at = now();

-- name: sessions_to_restore
SELECT session_id, jid, frozen
FROM whatsapp_sessions
WHERE jid IS NOT NULL OR frozen
ORDER BY frozen, last_connected_at DESC NULLS LAST;

-- name: find_session
SELECT session_id, jid, frozen
FROM whatsapp_sessions
WHERE session_id = %(session_id)s;

-- name: credentials_exist
SELECT EXISTS (SELECT 1 FROM whatsmeow_device WHERE jid = %(jid)s) AS found;

-- name: delete_credentials
DELETE FROM whatsmeow_device WHERE jid = %(jid)s;

-- name: record_attempt
INSERT INTO whatsapp_link_attempts (identity, session_id)
VALUES (%(identity)s, %(session_id)s)
ON CONFLICT (identity) DO NOTHING;

-- name: recorded_attempts
SELECT identity, session_id
FROM whatsapp_link_attempts
WHERE started_at <= now() - make_interval(secs => %(min_age_s)s)
ORDER BY started_at;

-- name: erase_attempts
DELETE FROM whatsapp_link_attempts WHERE identity = ANY(%(identities)s);

-- name: stored_keys
SELECT jid, identity_key FROM whatsmeow_device;

-- name: owned_jids
SELECT jid FROM whatsapp_sessions WHERE jid IS NOT NULL;

-- name: find_proxy
SELECT session_id, url FROM whatsapp_proxies WHERE session_id = %(session_id)s;

-- name: all_proxies
SELECT session_id, url FROM whatsapp_proxies ORDER BY length(session_id), session_id;

-- name: save_proxy
INSERT INTO whatsapp_proxies (session_id, url) VALUES (%(session_id)s, %(url)s)
ON CONFLICT (session_id) DO UPDATE SET url = excluded.url, updated_at = now();

-- name: delete_proxy
DELETE FROM whatsapp_proxies WHERE session_id = %(session_id)s;
