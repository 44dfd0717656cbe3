-- depends: 0002_whatsapp_sessions
-- Which way a salon's WhatsApp connections go, where it is not the default way.
-- ``url`` is NULL for a salon that goes directly although there is a default proxy. It may hold a
-- password.

CREATE TABLE IF NOT EXISTS whatsapp_proxies (
    session_id text PRIMARY KEY CHECK (session_id ~ '^company_[1-9][0-9]{0,14}$'),
    url text CHECK (url ~ '^(socks5|socks5h|http|https)://'),
    updated_at timestamptz NOT NULL DEFAULT now()
);
