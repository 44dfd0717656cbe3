"""What outlives a request: tables in Postgres, locks and breakers in Redis."""
