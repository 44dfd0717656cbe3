"""What sets the checkout up and keeps it in order. Not part of what runs."""
