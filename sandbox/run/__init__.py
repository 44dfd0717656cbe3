"""``make run``: everything on one machine, with the world outside on loopback."""
