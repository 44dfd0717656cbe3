"""Socket.IO: pages in, events out."""
