-- name: claim_reconciliation
-- A run that a killed process has left goes on where it was; else a new one begins.
UPDATE marketplace_reconciliation SET
    claim = %(claim)s,
    claim_ends_at = now() + make_interval(secs => %(claim_s)s),
    started_at = CASE WHEN checked_up_to = 0 THEN now() ELSE started_at END,
    checked = CASE WHEN checked_up_to = 0 THEN 0 ELSE checked END,
    repaired = CASE WHEN checked_up_to = 0 THEN 0 ELSE repaired END,
    unclear = CASE WHEN checked_up_to = 0 THEN 0 ELSE unclear END
WHERE due_at <= now() AND (claim IS NULL OR claim_ends_at <= now())
RETURNING checked_up_to, checked, repaired;

-- name: renew_reconciliation
UPDATE marketplace_reconciliation SET claim_ends_at = now() + make_interval(secs => %(claim_s)s)
WHERE claim = %(claim)s;

-- name: salons_to_check
SELECT yclients_id AS salon_id, integration_status AS status, installation
FROM companies
WHERE yclients_id > %(after)s
    AND integration_status IN (
        'active', 'frozen', 'activating', 'activation_pending', 'activation_failed',
        'pending_callback'
    )
ORDER BY yclients_id
LIMIT %(limit)s;

-- name: note_checked
UPDATE marketplace_reconciliation SET
    checked_up_to = %(salon_id)s,
    checked = checked + 1,
    repaired = repaired + %(repaired)s::integer,
    unclear = unclear + %(unclear)s::integer
WHERE claim = %(claim)s;

-- name: end_reconciliation
UPDATE marketplace_reconciliation SET
    claim = NULL,
    claim_ends_at = NULL,
    checked_up_to = CASE WHEN %(finished)s THEN 0 ELSE checked_up_to END,
    finished_at = CASE WHEN %(finished)s THEN now() ELSE finished_at END,
    due_at = now() + make_interval(secs => %(again_in_s)s)
WHERE claim = %(claim)s;

-- name: activate_now
UPDATE companies SET activation_due_at = now(), updated_at = now()
WHERE yclients_id = %(salon_id)s AND activation_claim IS NULL
    AND integration_status IN ('activation_pending', 'activation_failed', 'pending_callback');

-- name: any_live_of
SELECT EXISTS (
    SELECT FROM companies
    WHERE yclients_id = ANY (%(salons)s) AND integration_status IN ('active', 'frozen')
) AS found;

-- name: ended_salons_of
SELECT yclients_id AS salon_id FROM companies
WHERE yclients_id = ANY (%(salons)s) AND integration_status = 'uninstalled';
