-- Salons and what happened in the marketplace.
-- Runs on an empty database and on one that has these tables already: what is there stays.

CREATE TABLE IF NOT EXISTS companies (
    id serial PRIMARY KEY,
    yclients_id integer NOT NULL
);

ALTER TABLE companies ADD COLUMN IF NOT EXISTS company_id integer;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS title text;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS phone text;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS email text;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS address text;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS timezone text;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS api_key text;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS whatsapp_connected boolean DEFAULT false;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS whatsapp_phone text;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS whatsapp_connected_at timestamptz;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS integration_status text DEFAULT 'pending_whatsapp';
ALTER TABLE companies ADD COLUMN IF NOT EXISTS connected_at timestamptz;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS disconnected_at timestamptz;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS marketplace_user_id text;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS marketplace_user_name text;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS marketplace_user_phone text;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS marketplace_user_email text;
ALTER TABLE companies ADD COLUMN IF NOT EXISTS created_at timestamptz DEFAULT now();
ALTER TABLE companies ADD COLUMN IF NOT EXISTS updated_at timestamptz DEFAULT now();
ALTER TABLE companies ADD COLUMN IF NOT EXISTS installation integer NOT NULL DEFAULT 0;

COMMENT ON COLUMN companies.installation IS
    'Raised by every new onboarding, so that a second uninstall is not taken for the first.';

-- Old tables may demand columns that we do not write, or lack the defaults that we rely on.
ALTER TABLE companies ALTER COLUMN company_id DROP NOT NULL;
ALTER TABLE companies ALTER COLUMN created_at SET DEFAULT now();
ALTER TABLE companies ALTER COLUMN updated_at SET DEFAULT now();

-- ON CONFLICT (yclients_id) needs a unique index, whatever the old one was called.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_index
        JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
        WHERE indrelid = 'companies'::regclass AND indisunique AND indpred IS NULL
            AND indnkeyatts = 1 AND attname = 'yclients_id'
    ) THEN
        CREATE UNIQUE INDEX companies_yclients_id_key ON companies (yclients_id);
    END IF;
END
$$;

-- Statuses: an old check may not know all of them, an old varchar may be too short for one,
-- an old enum may lack some. Rows already there are not judged (NOT VALID).
DO $$
DECLARE
    old_check record;
    status text;
    column_type text := (
        SELECT format_type(atttypid, NULL) FROM pg_attribute
        WHERE attrelid = 'companies'::regclass AND attname = 'integration_status'
    );
BEGIN
    IF column_type IN ('text', 'character varying') THEN
        FOR old_check IN
            SELECT conname FROM pg_constraint
            JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)
            WHERE conrelid = 'companies'::regclass AND contype = 'c'
                AND attname = 'integration_status'
        LOOP
            EXECUTE format('ALTER TABLE companies DROP CONSTRAINT %I', old_check.conname);
        END LOOP;
        ALTER TABLE companies ALTER COLUMN integration_status TYPE text;
        ALTER TABLE companies ADD CONSTRAINT companies_integration_status_check CHECK (
            integration_status IN (
                'pending_whatsapp', 'activating', 'active',
                'activation_failed', 'frozen', 'uninstalled'
            )
        ) NOT VALID;
    ELSE
        FOREACH status IN ARRAY ARRAY[
            'pending_whatsapp', 'activating', 'active',
            'activation_failed', 'frozen', 'uninstalled'
        ] LOOP
            EXECUTE format('ALTER TYPE %s ADD VALUE IF NOT EXISTS %L', column_type, status);
        END LOOP;
    END IF;
END
$$;

CREATE TABLE IF NOT EXISTS marketplace_events (
    id bigserial PRIMARY KEY,
    company_id integer REFERENCES companies (id) ON DELETE SET NULL
);

ALTER TABLE marketplace_events ADD COLUMN IF NOT EXISTS company_id integer;
ALTER TABLE marketplace_events ADD COLUMN IF NOT EXISTS salon_id integer;
ALTER TABLE marketplace_events ADD COLUMN IF NOT EXISTS event_type varchar(50);
ALTER TABLE marketplace_events ADD COLUMN IF NOT EXISTS event_data jsonb;
ALTER TABLE marketplace_events ADD COLUMN IF NOT EXISTS created_at timestamptz DEFAULT now();

ALTER TABLE marketplace_events ALTER COLUMN created_at SET DEFAULT now();

CREATE INDEX IF NOT EXISTS marketplace_events_salon_idx
    ON marketplace_events (salon_id, event_type, created_at);
