"""What both processes use; it imports neither of them."""
