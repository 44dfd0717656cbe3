-- name: register_process
INSERT INTO whatsapp_processes (process_id, machine, pid, born)
VALUES (%(process_id)s, %(machine)s, %(pid)s, %(born)s)
ON CONFLICT (process_id) DO UPDATE SET renewed_at = clock_timestamp();

-- name: renew_lease
UPDATE whatsapp_processes
SET renewed_at = clock_timestamp(), reaches_redis = %(reaches_redis)s
WHERE process_id = %(process_id)s;

-- name: all_processes
SELECT p.process_id, p.machine, p.pid, p.born, p.draining, count(s.session_id) AS sessions,
    coalesce(sum(s.epoch), 0)::bigint AS epochs, p.reaches_redis,
    extract(epoch FROM clock_timestamp() - p.renewed_at)::float8 AS silent_s
FROM whatsapp_processes p LEFT JOIN whatsapp_sessions s ON s.owner = p.process_id
GROUP BY p.process_id
ORDER BY p.started_at, p.process_id;

-- name: count_free
SELECT count(*) AS free FROM whatsapp_sessions
WHERE owner IS NULL AND (jid IS NOT NULL OR frozen);

-- name: bury_silent
DELETE FROM whatsapp_processes
WHERE process_id = %(process_id)s
    AND renewed_at < clock_timestamp() - make_interval(secs => %(silent_s)s)
RETURNING process_id;

-- name: leave
DELETE FROM whatsapp_processes WHERE process_id = %(process_id)s;

-- name: set_draining
UPDATE whatsapp_processes SET draining = %(draining)s WHERE process_id = %(process_id)s
RETURNING process_id;

-- name: lock_retirements
SELECT pg_advisory_xact_lock(%(key)s);

-- name: retire
UPDATE whatsapp_processes AS retiring SET draining = true
WHERE process_id = %(process_id)s
    AND EXISTS (
        SELECT 1 FROM whatsapp_processes AS heir
        WHERE heir.process_id <> retiring.process_id AND NOT heir.draining
            AND heir.reaches_redis IS NOT FALSE
            AND heir.renewed_at > clock_timestamp() - make_interval(secs => %(lease_s)s)
    )
    AND NOT EXISTS (
        SELECT 1
        FROM whatsapp_processes AS leaving
            JOIN whatsapp_sessions AS s ON s.owner = leaving.process_id
        WHERE leaving.process_id <> retiring.process_id AND leaving.draining
    )
RETURNING process_id;

-- name: find_owner
SELECT session_id, owner, epoch FROM whatsapp_sessions
WHERE session_id = %(session_id)s AND owner IS NOT NULL
    AND (jid IS NOT NULL OR frozen OR owner <> ALL(%(suspects)s::text[]));

-- name: place_session
WITH chosen AS (
    SELECT p.process_id
    FROM whatsapp_processes p LEFT JOIN whatsapp_sessions s ON s.owner = p.process_id
    WHERE p.process_id <> ALL(%(suspects)s::text[]) AND NOT p.draining
        AND (
            p.process_id = %(taker)s
            OR p.renewed_at > clock_timestamp() - make_interval(secs => %(lease_s)s)
        )
    GROUP BY p.process_id
    ORDER BY count(s.session_id), p.process_id = %(taker)s DESC, p.process_id
    LIMIT 1
)
INSERT INTO whatsapp_sessions AS placed (session_id, state, owner, epoch)
SELECT %(session_id)s, 'idle', chosen.process_id,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint
FROM chosen
ON CONFLICT (session_id) DO UPDATE
SET owner = excluded.owner, epoch = greatest(placed.epoch + 1, excluded.epoch)
WHERE placed.owner IS NULL
    OR (placed.jid IS NULL AND NOT placed.frozen AND placed.owner = ANY(%(suspects)s::text[]))
RETURNING session_id, owner, epoch;

-- name: claim_sessions
UPDATE whatsapp_sessions AS claimed
SET owner = %(process_id)s,
    epoch = greatest(
        claimed.epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    )
FROM (
    SELECT session_id FROM whatsapp_sessions
    WHERE owner IS NULL AND (jid IS NOT NULL OR frozen)
    ORDER BY frozen, last_connected_at DESC NULLS LAST
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) AS free
WHERE claimed.session_id = free.session_id
RETURNING claimed.session_id, claimed.owner, claimed.epoch, claimed.frozen,
    claimed.last_connected_at;

-- name: take_session
INSERT INTO whatsapp_sessions AS taken (session_id, state, owner, epoch)
VALUES (%(session_id)s, 'idle', %(process_id)s,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
ON CONFLICT (session_id) DO UPDATE
SET owner = excluded.owner, epoch = greatest(taken.epoch + 1, excluded.epoch)
WHERE taken.owner IS NULL
RETURNING session_id, owner, epoch;

-- name: hand_over
UPDATE whatsapp_sessions
SET owner = %(heir)s,
    epoch = greatest(epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
WHERE session_id = %(session_id)s AND owner = %(owner)s AND epoch = %(epoch)s
    AND EXISTS (
        SELECT 1 FROM whatsapp_processes WHERE process_id = %(heir)s AND NOT draining
    )
RETURNING session_id;

-- name: release
UPDATE whatsapp_sessions SET owner = NULL
WHERE session_id = %(session_id)s AND owner = %(owner)s AND epoch = %(epoch)s;

-- name: owned_sessions
SELECT session_id, owner, epoch FROM whatsapp_sessions WHERE owner = %(process_id)s;

-- name: linked_or_frozen
SELECT session_id FROM whatsapp_sessions WHERE jid IS NOT NULL OR frozen;
