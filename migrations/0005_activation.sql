-- depends: 0004_whatsapp_link_attempts
-- How far a salon's activation in YClients has come. The row of the salon is its state machine:
-- ``integration_status`` is the state, ``activation_due_at`` the moment of its next step, and a
-- claim with an end says which process works.

ALTER TABLE companies
    ADD COLUMN IF NOT EXISTS connection_check text NOT NULL DEFAULT 'unverified'
        CHECK (connection_check IN ('unverified', 'verified')),
    ADD COLUMN IF NOT EXISTS webhook_secret text,
    ADD COLUMN IF NOT EXISTS activation_due_at timestamptz,
    ADD COLUMN IF NOT EXISTS activation_claim uuid,
    ADD COLUMN IF NOT EXISTS activation_sent_at timestamptz,
    ADD COLUMN IF NOT EXISTS activation_failures integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS activation_reason text,
    ADD COLUMN IF NOT EXISTS erase_due_at timestamptz;

COMMENT ON COLUMN companies.connection_check IS
    'Whether YClients confirmed that this salon has the application: a redirect is not signed for it.';
COMMENT ON COLUMN companies.api_key IS
    'Encrypted. There only while YClients has it or may have it.';
COMMENT ON COLUMN companies.webhook_secret IS
    'Encrypted. Part of the address at which YClients tells of changed records of the salon.';
COMMENT ON COLUMN companies.activation_due_at IS
    'When the next step is to be made; NULL when there is none. While a claim is held: its end.';
COMMENT ON COLUMN companies.activation_sent_at IS
    'When the activation was sent to YClients, as long as its answer is not known.';
COMMENT ON COLUMN companies.erase_due_at IS
    'When the data of an uninstalled salon are to be erased.';

CREATE INDEX IF NOT EXISTS companies_activation_due_idx ON companies (activation_due_at)
    WHERE activation_due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS companies_erase_due_idx ON companies (erase_due_at) WHERE erase_due_at IS NOT NULL;

-- Two more statuses. Rows already there are not judged (NOT VALID).
DO $$
DECLARE
    status text;
    column_type text := (
        SELECT format_type(atttypid, NULL) FROM pg_attribute
        WHERE attrelid = 'companies'::regclass AND attname = 'integration_status'
    );
BEGIN
    IF column_type = 'text' THEN
        ALTER TABLE companies DROP CONSTRAINT IF EXISTS companies_integration_status_check;
        ALTER TABLE companies ADD CONSTRAINT companies_integration_status_check CHECK (
            integration_status IN (
                'pending_whatsapp', 'activating', 'active', 'activation_pending',
                'activation_failed', 'pending_callback', 'frozen', 'uninstalled'
            )
        ) NOT VALID;
    ELSE
        FOREACH status IN ARRAY ARRAY['activation_pending', 'pending_callback'] LOOP
            EXECUTE format('ALTER TYPE %s ADD VALUE IF NOT EXISTS %L', column_type, status);
        END LOOP;
    END IF;
END
$$;
