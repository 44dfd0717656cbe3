"""A supervisor of sessions; each is a failure domain with one task and a pure state machine."""
