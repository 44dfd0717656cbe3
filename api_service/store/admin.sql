-- name: use_admin_token
-- When it was used last is written once a minute at most.
WITH known AS (
    SELECT id, name, role, last_used_at FROM admin_tokens
    WHERE token_hash = %(token_hash)s AND revoked_at IS NULL
), used AS (
    UPDATE admin_tokens SET last_used_at = now()
    FROM known
    WHERE admin_tokens.id = known.id
        AND (known.last_used_at IS NULL OR known.last_used_at < now() - interval '1 minute')
)
SELECT id, name, role FROM known;

-- name: create_admin_token
INSERT INTO admin_tokens (name, role, token_hash)
VALUES (%(name)s, %(role)s, %(token_hash)s)
ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING
RETURNING id;

-- name: revoke_admin_token
UPDATE admin_tokens SET revoked_at = now()
WHERE name = %(name)s AND revoked_at IS NULL
RETURNING id;

-- name: admin_tokens
SELECT name, role, created_at, last_used_at, revoked_at FROM admin_tokens ORDER BY id;

-- name: add_audit_record
INSERT INTO admin_audit
    (actor, role, token_id, address, action, salon_id, detail, outcome, finished_at)
VALUES (
    %(actor)s, %(role)s, %(token_id)s, %(address)s, %(action)s, %(salon_id)s, %(detail)s,
    %(outcome)s, CASE WHEN %(outcome)s <> 'attempted' THEN now() END
)
RETURNING id;

-- name: finish_audit_record
UPDATE admin_audit SET
    outcome = %(outcome)s, detail = detail || %(detail)s, finished_at = now()
WHERE id = %(id)s AND outcome = 'attempted';

-- name: audit_records
SELECT id, actor, role, address, action, salon_id, detail, outcome, created_at, finished_at
FROM admin_audit
WHERE (%(before_id)s::bigint IS NULL OR id < %(before_id)s)
    AND (%(salon_id)s::bigint IS NULL OR salon_id = %(salon_id)s)
    AND (%(actor)s::text IS NULL OR actor = %(actor)s)
    AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
ORDER BY id DESC
LIMIT %(count)s;

-- name: count_salons
SELECT count(*) AS total
FROM companies
WHERE (%(status)s::text IS NULL OR integration_status::text = %(status)s)
    AND (
        %(title)s::text IS NULL OR title ILIKE %(title)s
        OR yclients_id::text = %(exact)s
    );

-- name: list_salons
-- Casts: the previous system's columns may be of other types.
SELECT yclients_id AS salon_id, id AS company_id, title, integration_status::text AS status,
    COALESCE(whatsapp_connected, false) AS whatsapp_connected, connection_check,
    activation_reason, activation_failures, activation_due_at,
    connected_at::timestamptz AS connected_at, created_at::timestamptz AS created_at,
    updated_at::timestamptz AS updated_at
FROM companies
WHERE (%(status)s::text IS NULL OR integration_status::text = %(status)s)
    AND (
        %(title)s::text IS NULL OR title ILIKE %(title)s
        OR yclients_id::text = %(exact)s
    )
ORDER BY id DESC
LIMIT %(count)s OFFSET %(offset)s;

-- name: read_salon
-- Secrets are told by whether they are there.
SELECT yclients_id AS salon_id, id AS company_id, title, phone::text AS phone,
    email::text AS email, address, timezone::text AS timezone,
    integration_status::text AS status, installation, connection_check,
    COALESCE(whatsapp_connected, false) AS whatsapp_connected,
    whatsapp_phone::text AS whatsapp_phone,
    whatsapp_connected_at::timestamptz AS whatsapp_connected_at,
    marketplace_user_id::text AS marketplace_user_id,
    marketplace_user_name::text AS marketplace_user_name,
    marketplace_user_phone::text AS marketplace_user_phone,
    marketplace_user_email::text AS marketplace_user_email,
    api_key IS NOT NULL AS has_api_key, webhook_secret IS NOT NULL AS has_webhook_secret,
    activation_reason, activation_failures, activation_due_at, activation_sent_at,
    activation_claim IS NOT NULL AS activation_in_hand, erase_due_at,
    connected_at::timestamptz AS connected_at, disconnected_at::timestamptz AS disconnected_at,
    created_at::timestamptz AS created_at, updated_at::timestamptz AS updated_at
FROM companies
WHERE yclients_id = %(salon_id)s;

-- name: salon_events
SELECT event_type, event_data, created_at::timestamptz AS created_at
FROM marketplace_events
WHERE salon_id = %(salon_id)s
ORDER BY id DESC
LIMIT %(count)s;

-- name: known_salons
SELECT yclients_id AS salon_id FROM companies WHERE yclients_id = ANY (%(salon_ids)s);

-- name: activation_for_retry
SELECT id AS company_id, integration_status::text AS status,
    COALESCE(whatsapp_connected, false) AS whatsapp_connected
FROM companies
WHERE yclients_id = %(salon_id)s
FOR UPDATE;

-- name: hurry_activation
UPDATE companies SET activation_due_at = now(), updated_at = now()
WHERE yclients_id = %(salon_id)s;

-- name: sealed_secrets
SELECT id, yclients_id AS salon_id, api_key, webhook_secret, doubtful_api_key,
    doubtful_webhook_secret
FROM companies
WHERE id > %(after_id)s
    AND COALESCE(api_key, webhook_secret, doubtful_api_key, doubtful_webhook_secret) IS NOT NULL
ORDER BY id
LIMIT %(count)s;

-- name: replace_sealed_secrets
-- Only what is still as it was read: an activation may have written a new one meanwhile.
UPDATE companies SET
    api_key = %(new_api_key)s,
    webhook_secret = %(new_webhook_secret)s,
    doubtful_api_key = %(new_doubtful_api_key)s,
    doubtful_webhook_secret = %(new_doubtful_webhook_secret)s
WHERE id = %(id)s AND api_key IS NOT DISTINCT FROM %(api_key)s
    AND webhook_secret IS NOT DISTINCT FROM %(webhook_secret)s
    AND doubtful_api_key IS NOT DISTINCT FROM %(doubtful_api_key)s
    AND doubtful_webhook_secret IS NOT DISTINCT FROM %(doubtful_webhook_secret)s;

-- name: salon_of_payment
SELECT salon_id FROM admin_audit
WHERE action = 'payment_notify' AND detail ->> 'payment_id' = %(payment_id)s::text
ORDER BY id DESC
LIMIT 1;
