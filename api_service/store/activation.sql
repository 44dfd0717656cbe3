-- name: note_connected
-- A salon that only waited for this is due at once; one that has failed is tried again.
UPDATE companies SET
    whatsapp_connected = true,
    whatsapp_phone = %(phone)s,
    whatsapp_connected_at = CASE WHEN whatsapp_connected THEN whatsapp_connected_at ELSE now() END,
    activation_due_at = CASE
        WHEN integration_status IN ('pending_whatsapp', 'activation_failed', 'activation_pending')
            THEN LEAST(activation_due_at, now())
        ELSE activation_due_at
    END,
    updated_at = now()
WHERE yclients_id = %(salon_id)s
    AND (
        whatsapp_connected IS NOT true
        OR whatsapp_phone IS DISTINCT FROM %(phone)s
        OR (integration_status = 'pending_whatsapp' AND activation_due_at IS NULL)
    )
RETURNING COALESCE(activation_due_at <= now(), false) AS due,
    COALESCE(integration_status, 'pending_whatsapp') AS status;

-- name: note_logged_out
UPDATE companies SET whatsapp_connected = false, updated_at = now()
WHERE yclients_id = %(salon_id)s AND whatsapp_connected IS NOT false;

-- name: waiting_for_whatsapp
-- Salons whose link may have been told while no API process was there to hear it.
SELECT yclients_id AS salon_id
FROM companies
WHERE updated_at > now() - interval '2 days'
    AND (
        (integration_status = 'pending_whatsapp' AND activation_due_at IS NULL)
        OR (
            whatsapp_connected IS NOT true
            AND integration_status NOT IN ('frozen', 'uninstalled')
        )
    )
ORDER BY updated_at DESC
LIMIT %(limit)s;

-- name: due_activations
SELECT yclients_id AS salon_id
FROM companies
WHERE activation_due_at <= now() AND whatsapp_connected
    AND integration_status IN (
        'pending_whatsapp', 'activating', 'activation_pending', 'activation_failed',
        'pending_callback'
    )
ORDER BY activation_due_at
LIMIT %(limit)s;

-- name: read_activation
-- Rows of the previous system may have no status.
SELECT id AS company_id, COALESCE(integration_status, 'pending_whatsapp') AS status,
    installation, activation_reason AS reason, COALESCE(whatsapp_connected, false) AS whatsapp_connected
FROM companies
WHERE yclients_id = %(salon_id)s;

-- name: find_left_callback
SELECT COALESCE(integration_status, 'pending_whatsapp') AS status, api_key, webhook_secret
FROM companies
WHERE yclients_id = %(salon_id)s;

-- name: lock_salon
SELECT pg_try_advisory_xact_lock(%(namespace)s, %(salon_id)s) AS locked;

-- name: claim_activation
-- The row's own state is the second lock, and the only one of the simple path. While a call is in
-- doubt, also one of an installation that has passed, what it carries is sent again: whichever call
-- YClients takes, it has the key that is here.
UPDATE companies AS salon SET
    integration_status = 'activating',
    activation_claim = %(claim)s,
    api_key = COALESCE(
        NULLIF(salon.api_key, ''),
        CASE WHEN salon.doubtful_until > now() THEN salon.doubtful_api_key END,
        %(api_key)s
    ),
    webhook_secret = COALESCE(
        salon.webhook_secret,
        CASE WHEN salon.doubtful_until > now() THEN salon.doubtful_webhook_secret END,
        %(webhook_secret)s
    ),
    activation_interrupted = salon.activation_interrupted
        + (before.integration_status = 'activating')::integer,
    activation_due_at = now() + make_interval(secs => %(claim_s)s),
    updated_at = now()
FROM companies AS before
WHERE salon.yclients_id = %(salon_id)s AND before.id = salon.id
    AND salon.whatsapp_connected AND salon.activation_due_at <= now()
    AND salon.integration_status IN (
        'pending_whatsapp', 'activating', 'activation_pending', 'activation_failed',
        'pending_callback'
    )
RETURNING salon.id AS company_id, before.integration_status AS status_before,
    salon.activation_failures AS failures, salon.activation_sent_at IS NOT NULL AS sent,
    salon.api_key, salon.webhook_secret, salon.installation,
    COALESCE(salon.doubtful_until > now(), false) AS in_doubt,
    salon.activation_interrupted AS interrupted;

-- name: renew_claim
UPDATE companies SET activation_due_at = now() + make_interval(secs => %(claim_s)s)
WHERE activation_claim = %(claim)s AND integration_status = 'activating';

-- name: mark_sent
UPDATE companies SET
    activation_sent_at = COALESCE(activation_sent_at, now()),
    doubtful_api_key = api_key,
    doubtful_webhook_secret = webhook_secret,
    doubtful_until = now() + make_interval(secs => %(doubt_s)s)
WHERE activation_claim = %(claim)s AND integration_status = 'activating';

-- name: settle_activation
UPDATE companies SET
    integration_status = %(status)s,
    activation_claim = NULL,
    activation_due_at = now() + make_interval(secs => %(retry_in_s)s),
    activation_failures = %(failures)s,
    activation_reason = %(reason)s,
    activation_sent_at = CASE
        WHEN %(may_be_sent)s AND %(status)s <> 'active' THEN activation_sent_at
    END,
    api_key = CASE WHEN %(may_be_sent)s THEN api_key END,
    webhook_secret = CASE WHEN %(may_be_sent)s THEN webhook_secret END,
    doubtful_api_key = CASE WHEN %(in_doubt)s THEN doubtful_api_key END,
    doubtful_webhook_secret = CASE WHEN %(in_doubt)s THEN doubtful_webhook_secret END,
    doubtful_until = CASE WHEN %(in_doubt)s THEN doubtful_until END,
    activation_interrupted = %(interrupted)s,
    connected_at = CASE WHEN %(status)s = 'active' THEN now() ELSE connected_at END,
    updated_at = now()
WHERE activation_claim = %(claim)s AND integration_status = 'activating';

-- name: forget_doubts
UPDATE companies SET doubtful_api_key = NULL, doubtful_webhook_secret = NULL, doubtful_until = NULL
WHERE doubtful_until <= now();
