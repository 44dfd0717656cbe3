"""A running API over real Postgres and Redis, and the WhatsApp process's side of the bus."""

from tests.support.admin_world import admin_world
from tests.support.api_fixtures import api, settings, whatsapp
from tests.support.api_world import module_database_url, world

__all__ = ["admin_world", "api", "module_database_url", "settings", "whatsapp", "world"]
