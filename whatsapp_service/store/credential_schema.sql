-- name: allow_waiting
SELECT
    set_config('lock_timeout', %(timeout)s, true),
    set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '0', true);

-- name: lock_schema
SELECT pg_advisory_xact_lock(%(key)s);

-- name: schema_seen
SELECT to_regclass('whatsmeow_device') IS NOT NULL AS seen;
