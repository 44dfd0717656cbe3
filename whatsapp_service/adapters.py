"""The process' ways to Redis and to Postgres: opened together, closed together."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from shared.bus.connection import connect_redis
from shared.db import DatabaseError, Pool, make_pool
from whatsapp_service.settings import WhatsAppSettings

CREDENTIAL_POOL_SIZE: Final = 3


@dataclass(frozen=True, slots=True)
class Adapters:
    """``leases``: one connection, so that a renewal never queues behind sessions."""

    redis: Redis
    database: Pool
    credentials: Pool
    leases: Pool


@contextlib.asynccontextmanager
async def open_adapters(settings: WhatsAppSettings) -> AsyncIterator[Adapters]:
    url = settings.database_url.get_secret_value()
    redis = connect_redis(settings.redis_url.get_secret_value())
    database = make_pool(url, settings.database_pool_size, "whatsapp-service")
    leases = make_pool(url, 1, "whatsapp-service lease")
    credentials = make_pool(
        settings.credentials_url, CREDENTIAL_POOL_SIZE, "whatsapp-service credentials"
    )
    pools = (database, leases, credentials)
    try:
        for pool in pools:
            with contextlib.suppress(DatabaseError):
                await pool.open(wait=False)
        yield Adapters(redis, database, credentials, leases)
    finally:
        for pool in pools:
            await pool.close()
        await redis.aclose()
