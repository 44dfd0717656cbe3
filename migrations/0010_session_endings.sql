-- depends: 0009_owners
-- A ban's end is respected over a restart: until then nothing is tried.

ALTER TABLE whatsapp_sessions ADD COLUMN IF NOT EXISTS retry_at timestamptz;

COMMENT ON COLUMN whatsapp_sessions.retry_at IS
    'When a session that has ended is tried again by itself, on this database''s clock; null: never,'
    ' or it has not ended.';
