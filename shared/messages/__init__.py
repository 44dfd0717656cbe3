"""The wire contract between the two processes: tagged unions, decoded in one place."""
