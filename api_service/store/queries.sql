-- name: find_company
SELECT id, title, COALESCE(integration_status, 'pending_whatsapp') AS integration_status,
    installation, marketplace_user_id AS user_id
FROM companies
WHERE yclients_id = %(salon_id)s;

-- name: lock_company
SELECT id, title, COALESCE(integration_status, 'pending_whatsapp') AS integration_status,
    installation, marketplace_user_id AS user_id
FROM companies
WHERE yclients_id = %(salon_id)s
FOR UPDATE;

-- name: add_company
INSERT INTO companies (
    yclients_id, title, integration_status, installation, connection_check,
    marketplace_user_id, marketplace_user_name, marketplace_user_phone, marketplace_user_email
)
VALUES (
    %(salon_id)s, %(title)s, 'pending_whatsapp', 1, %(connection_check)s,
    %(user_id)s, %(user_name)s, %(user_phone)s, %(user_email)s
)
ON CONFLICT (yclients_id) DO NOTHING
RETURNING id, title, integration_status, installation, marketplace_user_id AS user_id;

-- name: begin_installation
-- A salon whose WhatsApp is linked already is activated at once.
UPDATE companies SET
    integration_status = 'pending_whatsapp',
    installation = installation + 1,
    activation_due_at = CASE WHEN whatsapp_connected THEN now() END,
    activation_failures = 0,
    activation_interrupted = 0,
    activation_claim = NULL,
    activation_sent_at = NULL,
    activation_reason = NULL,
    api_key = NULL,
    erase_due_at = NULL,
    title = COALESCE(%(title)s, title),
    connection_check = %(connection_check)s,
    marketplace_user_id = COALESCE(%(user_id)s, marketplace_user_id),
    marketplace_user_name = COALESCE(%(user_name)s, marketplace_user_name),
    marketplace_user_phone = COALESCE(%(user_phone)s, marketplace_user_phone),
    marketplace_user_email = COALESCE(%(user_email)s, marketplace_user_email),
    updated_at = now()
WHERE yclients_id = %(salon_id)s
RETURNING id, title, integration_status, installation, marketplace_user_id AS user_id;

-- name: continue_installation
-- While a claim is held, the moment of the next step is the claim's end.
UPDATE companies SET
    integration_status = %(status)s,
    activation_due_at = CASE
        WHEN %(due_now)s AND activation_claim IS NULL THEN now()
        ELSE activation_due_at
    END,
    activation_failures = CASE WHEN %(due_now)s THEN 0 ELSE activation_failures END,
    title = COALESCE(%(title)s, title),
    connection_check = %(connection_check)s,
    marketplace_user_id = COALESCE(%(user_id)s, marketplace_user_id),
    marketplace_user_name = COALESCE(%(user_name)s, marketplace_user_name),
    marketplace_user_phone = COALESCE(%(user_phone)s, marketplace_user_phone),
    marketplace_user_email = COALESCE(%(user_email)s, marketplace_user_email),
    updated_at = now()
WHERE yclients_id = %(salon_id)s
RETURNING id, title, integration_status, installation, marketplace_user_id AS user_id;

-- name: add_marketplace_event
INSERT INTO marketplace_events (company_id, salon_id, event_type, event_data)
VALUES (%(company_id)s, %(salon_id)s, %(event_type)s, %(event_data)s);
