-- depends: 0013_redis_reach
-- Salons that were unlinked or uninstalled before their number went with the device.

UPDATE whatsapp_sessions SET phone = NULL WHERE jid IS NULL AND phone IS NOT NULL;
