"""One running API for all cases of a module that differ only in what comes in."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from shared.company_id import SalonId
from tests.support.api import RunningApi, api_settings, running_api, signed_query
from tests.support.services import PostgresServer
from tests.support.witness import Witness

REGISTERED = SalonId(1001)


@dataclass(frozen=True)
class World:
    """Tests that take it run in the module's event loop. Salon 1001 is registered, not linked."""

    api: RunningApi
    redis: Redis
    witness: Witness


@pytest.fixture(scope="module")
def module_database_url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    name = postgres_server.create_database(migrated_template)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(module_database_url: str, valkey_url: str) -> AsyncIterator[World]:
    async with Redis.from_url(valkey_url) as redis:
        await redis.flushall()
        async with running_api(api_settings(module_database_url, valkey_url)) as api:
            query = {"salon_id": str(REGISTERED), **signed_query()}
            await api.http.get("/auth/yclients/redirect", params=query)
            yield World(api, redis, Witness(module_database_url, redis))
