"""What operators do with salons, and the record of it."""
