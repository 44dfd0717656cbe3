"""A WhatsApp network in a box: the WhatsApp Web protocol on loopback, with simulated phones."""
