-- depends: 0008_frozen_sessions
-- Which WhatsApp process holds which session. A row of whatsapp_processes is a lease: as long as it
-- is there, its process may hold sessions. Whoever finds a process dead deletes its row, which
-- frees its sessions in the same statement; a process that finds its own row gone has been fenced.

CREATE TABLE IF NOT EXISTS whatsapp_processes (
    process_id text PRIMARY KEY,
    machine text NOT NULL,
    pid bigint NOT NULL,
    born bigint NOT NULL,
    draining boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    renewed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON COLUMN whatsapp_processes.machine IS
    'Boot and pid namespace: within one, a pid that is gone is a process that is dead.';
COMMENT ON COLUMN whatsapp_processes.born IS
    'When the pid was given, in ticks since the machine has started: pids come again.';

ALTER TABLE whatsapp_sessions ADD COLUMN IF NOT EXISTS owner text
    REFERENCES whatsapp_processes (process_id) ON DELETE SET NULL;
CREATE INDEX IF NOT EXISTS whatsapp_sessions_owner ON whatsapp_sessions (owner);

COMMENT ON COLUMN whatsapp_sessions.epoch IS
    'Grows with each change of owner: the fencing number of everything that the owner says.';

ALTER TABLE whatsapp_link_attempts ADD COLUMN IF NOT EXISTS process_id text;
