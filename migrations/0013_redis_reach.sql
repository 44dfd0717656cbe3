-- depends: 0009_owners
-- A process that alone cannot reach Redis hands its sessions over; its peers' leases tell it so.

ALTER TABLE whatsapp_processes ADD COLUMN IF NOT EXISTS reaches_redis boolean;

COMMENT ON COLUMN whatsapp_processes.reaches_redis IS
    'True: for 20 s without a gap. False: not for 5 s, or not for 20 s again since. Null: not known'
    ' yet. As true as the lease is fresh.';
