-- depends: 0002_whatsapp_sessions
-- When a salon's own phone gave its last sign of life: without one for 14 days WhatsApp unlinks the
-- device, so a restart must not forget it.

ALTER TABLE whatsapp_sessions ADD COLUMN IF NOT EXISTS phone_seen_at timestamptz;

COMMENT ON COLUMN whatsapp_sessions.phone_seen_at IS
    'Last sign of the salon''s own phone; may be 10 minutes older than the truth.';
