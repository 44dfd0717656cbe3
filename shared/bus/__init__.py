"""Redis between the two processes: streams, pub/sub, and every key's name."""
