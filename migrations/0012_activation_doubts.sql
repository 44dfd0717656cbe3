-- depends: 0011_phone_seen
-- A call that was sent may reach YClients late, when its installation has passed. So what it carries
-- is known until then, and attempts that end without a word are counted.

ALTER TABLE companies
    ADD COLUMN IF NOT EXISTS doubtful_api_key text,
    ADD COLUMN IF NOT EXISTS doubtful_webhook_secret text,
    ADD COLUMN IF NOT EXISTS doubtful_until timestamptz,
    ADD COLUMN IF NOT EXISTS activation_interrupted integer NOT NULL DEFAULT 0;

COMMENT ON COLUMN companies.doubtful_api_key IS
    'Encrypted. Carried by a call that may still reach YClients; until then it is the key of any installation.';
COMMENT ON COLUMN companies.doubtful_webhook_secret IS 'Encrypted. As doubtful_api_key.';
COMMENT ON COLUMN companies.doubtful_until IS
    'When the last call in doubt can no longer arrive; what it carried is deleted then.';
COMMENT ON COLUMN companies.activation_interrupted IS
    'Attempts in a row that have ended without a word: their process died, say.';

CREATE INDEX IF NOT EXISTS companies_doubtful_idx ON companies (doubtful_until)
    WHERE doubtful_until IS NOT NULL;
