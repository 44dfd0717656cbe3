"""A running API over real Postgres and Redis, and the WhatsApp process's side of the bus."""

from tests.support.api_fixtures import api, settings, whatsapp

__all__ = ["api", "settings", "whatsapp"]
