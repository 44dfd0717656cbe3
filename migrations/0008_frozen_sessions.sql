-- depends: 0005_activation
-- A frozen salon has no connection until it is thawed, whatever restarts meanwhile; its device and
-- credentials stay. A salon that was never linked can be frozen, too.

ALTER TABLE whatsapp_sessions ADD COLUMN IF NOT EXISTS frozen boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN whatsapp_sessions.frozen IS
    'Its subscription has ended: no connection and no linking until it is paid.';
