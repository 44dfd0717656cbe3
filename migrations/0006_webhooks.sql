-- depends: 0005_activation
-- What YClients tells us: lifecycle notifications as a durable queue, changed entities as marks,
-- unknown notifications as they came; and when all salons were last compared with YClients.

CREATE TABLE IF NOT EXISTS marketplace_webhooks (
    id bigserial PRIMARY KEY,
    webhook_id text NOT NULL UNIQUE,
    idempotency_key text NOT NULL UNIQUE,
    salon_id bigint NOT NULL,
    event_type text NOT NULL,
    installation integer NOT NULL,
    payload jsonb NOT NULL DEFAULT '{}',
    source text NOT NULL CHECK (source IN ('webhook', 'reconciliation', 'polling', 'admin')),
    state text NOT NULL CHECK (state IN ('queued', 'done', 'failed', 'recorded')),
    step text,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    claim uuid,
    claim_ends_at timestamptz,
    reason text,
    received_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz
);

COMMENT ON COLUMN marketplace_webhooks.idempotency_key IS
    'SHA-256 over event, salon, data and installation: of any number of copies one is carried out.';
COMMENT ON COLUMN marketplace_webhooks.installation IS
    'Of the salon when it was received; older than the present one, it has no effect any more.';
COMMENT ON COLUMN marketplace_webhooks.payload IS 'As received, without the partner token.';
COMMENT ON COLUMN marketplace_webhooks.step IS 'The last step that was finished; work goes on after it.';

CREATE INDEX IF NOT EXISTS marketplace_webhooks_due_idx ON marketplace_webhooks (due_at)
    WHERE state = 'queued';
CREATE INDEX IF NOT EXISTS marketplace_webhooks_waiting_idx ON marketplace_webhooks (salon_id, id)
    WHERE state = 'queued';
CREATE INDEX IF NOT EXISTS marketplace_webhooks_state_idx ON marketplace_webhooks (state, received_at);
CREATE INDEX IF NOT EXISTS marketplace_webhooks_salon_idx ON marketplace_webhooks (salon_id, id);
-- One notification of a salon at a time, whoever works on it.
CREATE UNIQUE INDEX IF NOT EXISTS marketplace_webhooks_claimed_idx ON marketplace_webhooks (salon_id)
    WHERE claim IS NOT NULL;

CREATE TABLE IF NOT EXISTS entity_hints (
    salon_id bigint NOT NULL,
    resource text NOT NULL,
    resource_id text NOT NULL,
    status text NOT NULL,
    changed_at text,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (salon_id, resource, resource_id)
);

COMMENT ON TABLE entity_hints IS
    'This is to be fetched again from YClients. Whoever has done so deletes the row, if received_at'
    ' is still the one it has read.';

CREATE INDEX IF NOT EXISTS entity_hints_received_idx ON entity_hints (received_at);

CREATE TABLE IF NOT EXISTS marketplace_notifications (
    id bigserial PRIMARY KEY,
    kind text NOT NULL,
    salon_id bigint,
    body text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE marketplace_notifications IS
    'Unknown notifications as they came, without tokens: bounded in number and age.';

CREATE INDEX IF NOT EXISTS marketplace_notifications_salon_idx ON marketplace_notifications (salon_id);

CREATE TABLE IF NOT EXISTS marketplace_reconciliation (
    id integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    due_at timestamptz NOT NULL DEFAULT now(),
    claim uuid,
    claim_ends_at timestamptz,
    checked_up_to bigint NOT NULL DEFAULT 0,
    checked integer NOT NULL DEFAULT 0,
    repaired integer NOT NULL DEFAULT 0,
    unclear integer NOT NULL DEFAULT 0,
    started_at timestamptz,
    finished_at timestamptz
);

COMMENT ON COLUMN marketplace_reconciliation.checked_up_to IS
    'The salon up to which this run has come; the next process goes on after it.';

-- Not in the first minutes of a new version.
INSERT INTO marketplace_reconciliation (id, due_at) VALUES (1, now() + interval '1 hour')
ON CONFLICT DO NOTHING;

ALTER TABLE companies ADD COLUMN IF NOT EXISTS thaw_check_at timestamptz;

COMMENT ON COLUMN companies.thaw_check_at IS
    'When YClients is asked next whether a frozen salon was paid for.';

CREATE INDEX IF NOT EXISTS companies_thaw_check_idx ON companies (thaw_check_at)
    WHERE thaw_check_at IS NOT NULL;
