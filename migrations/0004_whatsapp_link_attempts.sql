-- depends: 0002_whatsapp_sessions
-- Link attempts of the last minutes, by the public identity key of the device in the making. When
-- a process dies between the phone's acceptance and the salon's row, this tells whose device it is.

CREATE TABLE IF NOT EXISTS whatsapp_link_attempts (
    identity bytea PRIMARY KEY CHECK (length(identity) = 32),
    session_id text NOT NULL CHECK (session_id ~ '^company_[1-9][0-9]{0,14}$'),
    started_at timestamptz NOT NULL DEFAULT now()
);
