-- depends: 0001_companies
-- One row per salon that was ever linked: which device is the salon's, and how its link stands.
-- The credentials themselves are in the whatsmeow_* tables, which the library makes.

CREATE TABLE IF NOT EXISTS whatsapp_sessions (
    session_id text PRIMARY KEY CHECK (session_id ~ '^company_[1-9][0-9]{0,14}$'),
    jid text UNIQUE,
    phone text,
    state text NOT NULL,
    reason text,
    epoch bigint NOT NULL DEFAULT 1,
    linked_at timestamptz,
    last_connected_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now()
);
