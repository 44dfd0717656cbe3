"""The WhatsApp process's rows in Postgres."""
