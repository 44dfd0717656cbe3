-- name: activation_figures
SELECT integration_status::text AS status, count(*) AS salons,
    count(*) FILTER (WHERE activation_due_at <= now()) AS due,
    count(*) FILTER (WHERE activation_reason IN ('crashed', 'interrupted')) AS crashed,
    EXTRACT(EPOCH FROM now() - min(activation_due_at))::float8 AS late_s
FROM companies
WHERE integration_status::text IN (
    'activating', 'activation_pending', 'activation_failed', 'pending_callback'
)
GROUP BY 1;

-- name: last_reconciliation
SELECT finished_at, checked, repaired FROM marketplace_reconciliation WHERE id = 1;
