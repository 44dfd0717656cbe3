-- name: lifecycle_state
SELECT id AS company_id, COALESCE(integration_status, 'pending_whatsapp') AS status, installation
FROM companies
WHERE yclients_id = %(salon_id)s
FOR UPDATE;

-- name: mark_uninstalled
-- A running activation loses its claim by it.
UPDATE companies SET
    integration_status = 'uninstalled',
    api_key = NULL,
    webhook_secret = NULL,
    activation_due_at = NULL,
    activation_claim = NULL,
    activation_sent_at = NULL,
    activation_failures = 0,
    activation_interrupted = 0,
    activation_reason = NULL,
    thaw_check_at = NULL,
    whatsapp_connected = false,
    disconnected_at = now(),
    erase_due_at = now() + make_interval(days => %(retention_days)s),
    updated_at = now()
WHERE id = %(company_id)s;

-- name: mark_frozen
-- The key and the credentials stay: the salon may be paid for again.
UPDATE companies SET
    integration_status = 'frozen',
    activation_due_at = NULL,
    activation_claim = NULL,
    activation_sent_at = NULL,
    activation_failures = 0,
    activation_interrupted = 0,
    activation_reason = NULL,
    thaw_check_at = now() + make_interval(secs => %(check_in_s)s),
    updated_at = now()
WHERE id = %(company_id)s;

-- name: mark_thawed
-- One that was frozen before its activation had ended goes on with it.
UPDATE companies SET
    integration_status = CASE WHEN api_key IS NULL THEN 'pending_whatsapp' ELSE 'active' END,
    activation_due_at = CASE WHEN api_key IS NULL THEN now() END,
    thaw_check_at = NULL,
    updated_at = now()
WHERE id = %(company_id)s;

-- name: claim_thaw_checks
-- The next check is put off at once: whoever reads a salon here asks for it.
UPDATE companies SET thaw_check_at = now() + make_interval(secs => %(again_in_s)s)
WHERE id IN (
    SELECT id FROM companies
    WHERE thaw_check_at <= now() AND integration_status = 'frozen'
    ORDER BY thaw_check_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
RETURNING yclients_id AS salon_id;

-- name: check_thaw_in
UPDATE companies SET thaw_check_at = now() + make_interval(secs => %(check_in_s)s)
WHERE yclients_id = %(salon_id)s AND integration_status = 'frozen';

-- name: lock_due_erasure
SELECT id AS company_id, yclients_id AS salon_id, installation
FROM companies
WHERE erase_due_at <= now() AND integration_status = 'uninstalled'
ORDER BY erase_due_at
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: erase_entity_hints
DELETE FROM entity_hints WHERE salon_id = %(salon_id)s;

-- name: erase_notifications
DELETE FROM marketplace_notifications WHERE salon_id = %(salon_id)s;

-- name: erase_webhook_payloads
UPDATE marketplace_webhooks SET payload = '{}' WHERE salon_id = %(salon_id)s AND payload <> '{}';

-- name: erase_contacts
UPDATE companies SET
    marketplace_user_id = NULL,
    marketplace_user_name = NULL,
    marketplace_user_phone = NULL,
    marketplace_user_email = NULL,
    phone = NULL,
    email = NULL,
    whatsapp_phone = NULL,
    erase_due_at = NULL,
    updated_at = now()
WHERE yclients_id = %(salon_id)s;
