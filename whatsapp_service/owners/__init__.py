"""Which process may hold sessions, who is dead, and which process a session belongs to."""
