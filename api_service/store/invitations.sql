-- name: note_ended
-- Once per ending: until it is connected again, the salon is not linked and not invited anew. A
-- first link may have come and gone without anybody there to write it down.
WITH salon AS (
    UPDATE companies
    SET whatsapp_connected = false, updated_at = now(),
        whatsapp_connected_at = COALESCE(whatsapp_connected_at, now())
    WHERE yclients_id = %(salon_id)s AND (whatsapp_connected OR whatsapp_connected_at IS NULL)
    RETURNING id, yclients_id, installation, integration_status
)
INSERT INTO marketplace_events (company_id, salon_id, event_type, event_data)
SELECT id, yclients_id, 'relink_invited',
    jsonb_build_object('reason', %(reason)s::text, 'installation', installation)
FROM salon
WHERE integration_status IS DISTINCT FROM 'uninstalled';

-- name: still_linked
SELECT yclients_id AS salon_id
FROM companies
WHERE (whatsapp_connected OR whatsapp_connected_at IS NULL)
    AND yclients_id = ANY(%(salon_ids)s);

-- name: whom_to_invite
SELECT id, title, COALESCE(integration_status, 'pending_whatsapp') AS status,
    marketplace_user_id::text AS user_id, marketplace_user_name::text AS user_name,
    marketplace_user_phone::text AS user_phone, marketplace_user_email::text AS user_email
FROM companies
WHERE yclients_id = %(salon_id)s
FOR SHARE;
