"""The session process: the only place where a WhatsApp session lives."""
