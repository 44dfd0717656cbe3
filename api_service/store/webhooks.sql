-- name: installation_at
-- The salon's installation at that moment: 0 before the first. What was kept while Postgres was away
-- may be older than the present one.
SELECT CASE
    WHEN EXISTS (
        SELECT FROM marketplace_events
        WHERE salon_id = %(salon_id)s AND event_type = 'registration_started'
            AND created_at > %(received_at)s
    ) THEN COALESCE((
        SELECT (event_data->>'installation')::integer FROM marketplace_events
        WHERE salon_id = %(salon_id)s AND event_type = 'registration_started'
            AND created_at <= %(received_at)s
        ORDER BY created_at DESC, id DESC LIMIT 1
    ), 0)
    ELSE COALESCE((SELECT installation FROM companies WHERE yclients_id = %(salon_id)s), 0)
END AS installation;

-- name: present_installation
SELECT installation FROM companies WHERE yclients_id = %(salon_id)s;

-- name: let_past_freeze_go
-- Its salon was thawed since: the same words tell of the next freeze, and are no copy of that one.
UPDATE marketplace_webhooks AS past SET idempotency_key = past.webhook_id
FROM companies AS salon
WHERE past.idempotency_key = %(idempotency_key)s AND past.event_type = 'freeze'
    AND past.state = 'done' AND past.reason IS NULL
    AND salon.yclients_id = past.salon_id
    AND salon.integration_status NOT IN ('frozen', 'uninstalled');

-- name: receive_webhook
-- Known already: nothing is written, unless it had failed for good: then it is tried anew.
INSERT INTO marketplace_webhooks (
    webhook_id, idempotency_key, salon_id, event_type, installation, payload, source, state,
    due_at, received_at, done_at
)
SELECT %(webhook_id)s, %(idempotency_key)s, %(salon_id)s, %(event_type)s, %(installation)s,
    %(payload)s, %(source)s, %(state)s, now() + make_interval(secs => %(delay_s)s),
    %(received_at)s, CASE WHEN %(state)s = 'recorded' THEN now() END
WHERE NOT EXISTS (SELECT FROM marketplace_webhooks WHERE webhook_id = %(webhook_id)s)
ON CONFLICT (idempotency_key) DO UPDATE SET
    state = 'queued', attempts = 0, due_at = now(), done_at = NULL, reason = NULL
WHERE marketplace_webhooks.state = 'failed'
RETURNING webhook_id;

-- name: webhook_of_key
SELECT webhook_id FROM marketplace_webhooks WHERE idempotency_key = %(idempotency_key)s;

-- name: add_job
-- Of our own making. One of a kind and salon waits at a time.
INSERT INTO marketplace_webhooks (
    webhook_id, idempotency_key, salon_id, event_type, installation, source, state
)
SELECT %(webhook_id)s, %(webhook_id)s, salon.yclients_id, %(event_type)s, salon.installation,
    %(source)s, 'queued'
FROM companies AS salon
WHERE salon.yclients_id = %(salon_id)s
    AND NOT EXISTS (
        SELECT FROM marketplace_webhooks AS waiting
        WHERE waiting.salon_id = salon.yclients_id AND waiting.event_type = %(event_type)s
            AND waiting.installation = salon.installation AND waiting.state = 'queued'
    )
RETURNING webhook_id;

-- name: end_old_claims
-- At once, as a rule. What has cost one process after the other its life waits longer each time.
UPDATE marketplace_webhooks SET
    claim = NULL,
    claim_ends_at = NULL,
    due_at = CASE
        WHEN attempts <= %(at_once)s THEN due_at
        ELSE now() + make_interval(
            secs => least(%(longest_s)s, %(first_s)s * 2.0 ^ least(attempts - %(at_once)s - 1, 30))
        )
    END
WHERE claim IS NOT NULL AND claim_ends_at <= now();

-- name: claim_webhook
-- In each salon's order; only an uninstall passes what waits before it.
UPDATE marketplace_webhooks SET
    claim = %(claim)s,
    claim_ends_at = now() + make_interval(secs => %(claim_s)s),
    attempts = attempts + 1
WHERE id = (
    SELECT due.id FROM marketplace_webhooks AS due
    WHERE due.state = 'queued' AND due.due_at <= now() AND due.claim IS NULL
        AND NOT EXISTS (
            SELECT FROM marketplace_webhooks AS other
            WHERE other.salon_id = due.salon_id AND other.state = 'queued' AND other.id <> due.id
                AND (
                    other.claim IS NOT NULL
                    OR (other.id < due.id AND due.event_type <> 'uninstall')
                )
        )
    ORDER BY due.due_at, due.id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING id, webhook_id, idempotency_key, salon_id, event_type, installation, payload, source,
    step, attempts;

-- name: renew_webhook_claim
UPDATE marketplace_webhooks SET claim_ends_at = now() + make_interval(secs => %(claim_s)s)
WHERE id = %(id)s AND claim = %(claim)s;

-- name: finish_step
UPDATE marketplace_webhooks SET step = %(step)s WHERE id = %(id)s AND claim = %(claim)s;

-- name: finish_webhook
UPDATE marketplace_webhooks SET
    state = 'done', reason = %(reason)s, done_at = now(), claim = NULL, claim_ends_at = NULL
WHERE id = %(id)s AND claim = %(claim)s;

-- name: postpone_webhook
UPDATE marketplace_webhooks SET
    state = %(state)s,
    reason = %(reason)s,
    due_at = now() + make_interval(secs => %(retry_in_s)s),
    claim = NULL,
    claim_ends_at = NULL
WHERE id = %(id)s AND claim = %(claim)s;

-- name: hurry_webhooks
UPDATE marketplace_webhooks SET due_at = now()
WHERE state = 'queued' AND claim IS NULL AND reason = %(reason)s AND due_at > now();

-- name: list_webhooks
SELECT id, webhook_id, salon_id, event_type, installation, source, state, step, attempts, due_at,
    reason, received_at, done_at
FROM marketplace_webhooks
WHERE (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(salon_id)s::bigint IS NULL OR salon_id = %(salon_id)s)
    AND (%(before_id)s::bigint IS NULL OR id < %(before_id)s)
ORDER BY id DESC
LIMIT %(limit)s;

-- name: replay_webhook
-- From its first step: every step may be made again.
UPDATE marketplace_webhooks SET
    state = 'queued', step = NULL, attempts = 0, due_at = now(), done_at = NULL, reason = NULL
WHERE webhook_id = %(webhook_id)s AND state IN ('failed', 'done')
RETURNING salon_id;

-- name: webhook_figures
SELECT
    EXTRACT(EPOCH FROM now() - min(received_at) FILTER (WHERE state = 'queued'))::float8
        AS oldest_queued_s,
    count(*) FILTER (WHERE state = 'queued') AS queued,
    count(*) FILTER (WHERE state = 'failed') AS failed
FROM marketplace_webhooks
WHERE state IN ('queued', 'failed');

-- name: forget_old_webhooks
DELETE FROM marketplace_webhooks
WHERE state IN ('done', 'recorded') AND done_at < now() - make_interval(days => %(days)s);
