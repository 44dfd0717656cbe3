-- name: register_company
-- Reopening the settings of an active salon is no new onboarding.
INSERT INTO companies AS known (
    yclients_id, title, integration_status, installation,
    marketplace_user_id, marketplace_user_name, marketplace_user_phone, marketplace_user_email
)
VALUES (
    %(salon_id)s, %(title)s, 'pending_whatsapp', 1,
    %(user_id)s, %(user_name)s, %(user_phone)s, %(user_email)s
)
ON CONFLICT (yclients_id) DO UPDATE SET
    title = COALESCE(excluded.title, known.title),
    installation = CASE
        WHEN known.integration_status = 'active' THEN known.installation
        ELSE known.installation + 1
    END,
    integration_status = CASE
        WHEN known.integration_status = 'active' THEN known.integration_status
        ELSE excluded.integration_status
    END,
    marketplace_user_id = COALESCE(excluded.marketplace_user_id, known.marketplace_user_id),
    marketplace_user_name = COALESCE(excluded.marketplace_user_name, known.marketplace_user_name),
    marketplace_user_phone = COALESCE(excluded.marketplace_user_phone, known.marketplace_user_phone),
    marketplace_user_email = COALESCE(excluded.marketplace_user_email, known.marketplace_user_email),
    updated_at = now()
RETURNING id, title, integration_status, installation;

-- name: add_marketplace_event
INSERT INTO marketplace_events (company_id, salon_id, event_type, event_data)
VALUES (%(company_id)s, %(salon_id)s, %(event_type)s, %(event_data)s);
