-- name: save_device
UPDATE whatsapp_sessions
SET jid = %(jid)s, phone = %(phone)s, state = 'linked', reason = NULL, retry_at = NULL,
    linked_at = now(), updated_at = now()
WHERE session_id = %(session_id)s AND owner = %(owner)s AND epoch = %(epoch)s
RETURNING session_id;

-- name: give_device
INSERT INTO whatsapp_sessions AS stored (session_id, jid, phone, state, linked_at)
VALUES (%(session_id)s, %(jid)s, %(phone)s, 'linked', now())
ON CONFLICT (session_id) DO UPDATE
SET jid = excluded.jid, phone = excluded.phone, state = 'linked', reason = NULL,
    retry_at = NULL, linked_at = now(), updated_at = now()
WHERE stored.jid IS NULL;

-- name: mark_connected
UPDATE whatsapp_sessions
SET jid = %(jid)s, phone = %(phone)s, state = 'linked', reason = NULL, retry_at = NULL,
    linked_at = coalesce(linked_at, now()), last_connected_at = now(), updated_at = now()
WHERE session_id = %(session_id)s AND owner = %(owner)s AND epoch = %(epoch)s
RETURNING session_id;

-- name: forget_device
-- The number goes with it: nothing here is kept of who was linked.
UPDATE whatsapp_sessions
SET jid = NULL, phone = NULL, state = %(state)s, reason = %(reason)s, retry_at = NULL,
    updated_at = now()
WHERE session_id = %(session_id)s AND owner = %(owner)s AND epoch = %(epoch)s
RETURNING session_id;

-- name: mark_ended
UPDATE whatsapp_sessions
SET state = %(state)s, reason = %(reason)s, updated_at = now(),
    retry_at = now() + make_interval(secs => %(retry_in_s)s::double precision)
WHERE session_id = %(session_id)s AND owner = %(owner)s AND epoch = %(epoch)s
RETURNING session_id;

-- name: set_frozen
UPDATE whatsapp_sessions
SET frozen = %(frozen)s, updated_at = now()
WHERE session_id = %(session_id)s AND owner = %(owner)s AND epoch = %(epoch)s
RETURNING session_id;

-- name: confirm
SELECT session_id FROM whatsapp_sessions
WHERE session_id = %(session_id)s AND owner = %(owner)s AND epoch = %(epoch)s;

-- name: find_session
SELECT session_id, jid, frozen, reason,
    extract(epoch FROM retry_at - now())::double precision AS retry_in_s,
    extract(epoch FROM phone_seen_at)::double precision AS phone_seen_s,
    jid IS NOT NULL AND EXISTS (
        SELECT 1 FROM whatsapp_link_attempts AS attempt
        WHERE attempt.session_id = stored.session_id AND attempt.started_at > stored.linked_at
            AND NOT EXISTS (
                SELECT 1 FROM whatsapp_processes WHERE process_id = attempt.process_id
            )
    ) AS link_cut
FROM whatsapp_sessions AS stored
WHERE session_id = %(session_id)s;

-- name: credentials_exist
SELECT EXISTS (SELECT 1 FROM whatsmeow_device WHERE jid = %(jid)s) AS found;

-- name: delete_credentials
DELETE FROM whatsmeow_device WHERE jid = %(jid)s;

-- name: record_attempt
INSERT INTO whatsapp_link_attempts (identity, session_id, process_id)
VALUES (%(identity)s, %(session_id)s, %(process_id)s)
ON CONFLICT (identity) DO NOTHING;

-- name: attempts_left_behind
SELECT identity, session_id, started_at <= now() - make_interval(secs => %(over_s)s) AS is_over,
    jid IS NOT NULL AND coalesce(started_at > linked_at, false) AS is_newer
FROM whatsapp_link_attempts AS attempt LEFT JOIN whatsapp_sessions USING (session_id)
WHERE started_at <= now() - make_interval(secs => %(over_s)s)
    OR NOT EXISTS (
        SELECT 1 FROM whatsapp_processes WHERE process_id = attempt.process_id
    )
ORDER BY started_at;

-- name: leave_attempt
UPDATE whatsapp_link_attempts SET process_id = NULL WHERE identity = %(identity)s;

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

-- name: keep_sightings
UPDATE whatsapp_sessions
SET phone_seen_at = greatest(phone_seen_at, to_timestamp(seen.at_s))
FROM unnest(%(session_ids)s::text[], %(moments_s)s::float8[]) AS seen (session_id, at_s)
WHERE whatsapp_sessions.session_id = seen.session_id;
