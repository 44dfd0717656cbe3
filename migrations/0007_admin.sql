-- depends: 0005_activation
-- Who may use the admin API, and what was done with it.

CREATE TABLE IF NOT EXISTS admin_tokens (
    id bigserial PRIMARY KEY,
    name text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,63}$' AND name <> 'environment'),
    role text NOT NULL CHECK (role IN ('superadmin', 'marketplace_admin', 'admin')),
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at timestamptz
);

COMMENT ON COLUMN admin_tokens.token_hash IS
    'SHA-256 of a token of 256 random bits. Nobody guesses one, so a slow hash would add nothing.';

CREATE UNIQUE INDEX IF NOT EXISTS admin_tokens_live_name_idx ON admin_tokens (name)
    WHERE revoked_at IS NULL;

-- No references: what was done stays on record whatever becomes of the salon or the token.
CREATE TABLE IF NOT EXISTS admin_audit (
    id bigserial PRIMARY KEY,
    actor text NOT NULL,
    role text NOT NULL,
    token_id bigint,
    address text NOT NULL,
    action text NOT NULL,
    salon_id bigint,
    detail jsonb NOT NULL DEFAULT '{}',
    outcome text NOT NULL
        CHECK (outcome IN ('attempted', 'done', 'refused', 'failed', 'unknown')),
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);

COMMENT ON COLUMN admin_audit.outcome IS
    'attempted: written before YClients was called; it stays when the process died meanwhile. '
    'refused: YClients said no. failed: certainly not done. unknown: may have been done.';

CREATE INDEX IF NOT EXISTS admin_audit_salon_idx ON admin_audit (salon_id, id);
CREATE INDEX IF NOT EXISTS admin_audit_actor_idx ON admin_audit (actor, id);

-- A record is finished once and never changed or deleted after that.
CREATE OR REPLACE FUNCTION keep_admin_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.outcome = 'attempted' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'admin_audit is kept as it was written';
END
$$;

CREATE OR REPLACE TRIGGER keep_admin_audit BEFORE UPDATE OR DELETE ON admin_audit
    FOR EACH ROW EXECUTE FUNCTION keep_admin_audit();

CREATE INDEX IF NOT EXISTS admin_audit_payment_idx ON admin_audit ((detail ->> 'payment_id'))
    WHERE action = 'payment_notify';
