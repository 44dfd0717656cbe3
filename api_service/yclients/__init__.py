"""What we ask of YClients, and what it answers."""
