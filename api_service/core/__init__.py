"""Use cases: no framework, no SQL."""
