"""WhatsApp processes as Postgres and Redis see them, without sessions and without a library."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from redis.asyncio import Redis

from shared.bus.connection import connect_redis
from shared.bus.heartbeat import Heartbeat, Heartbeats
from shared.company_id import SessionId
from shared.db import Pool, make_pool
from tests.support.waiting import PATIENCE_S
from whatsapp_service.owners.guard import Guard, elapsed_s
from whatsapp_service.owners.hearts import Hearts
from whatsapp_service.owners.lease import Lease, Peers
from whatsapp_service.owners.reach import Reach
from whatsapp_service.store.directory import Directory
from whatsapp_service.store.registry import Registry

ClockS = Callable[[], float]


class Resident:
    """A process that keeps its lease; ``ended`` when it would have ended itself.

    ``clock_s``: by which Redis and the hearts in it are silent. ``beaten_at_s``: when the last
    heartbeat that has arrived was sent.
    """

    def __init__(
        self, name: str, machine: str, redis: Redis, registry: Registry, clock_s: ClockS = elapsed_s
    ) -> None:
        self.name = name
        self.beaten_at_s = 0.0
        self.ended = asyncio.Event()
        self.guard = Guard()
        self.hearts = Hearts(Heartbeats(redis), clock_s=clock_s)
        self.lease = Lease(registry, self.hearts, self.guard, name, machine, end=self.ended.set)
        self.lease._reach = Reach(clock_s)
        self._heart = Heartbeat(
            redis,
            name,
            steady_s=self.lease.steady_s,
            on_beat=self._has_beaten,
            clock_s=clock_s,
        )
        self._beating: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def _has_beaten(self, sent_at_s: float) -> None:
        self.lease.heart_has_beaten(sent_at_s)
        self.beaten_at_s = sent_at_s

    async def come(self) -> None:
        await self.lease.register()
        self._beating = asyncio.create_task(self._heart.run())
        async with asyncio.timeout(PATIENCE_S):
            await self._heart.beating.wait()
        self._tasks = [
            asyncio.create_task(self.hearts.run()),
            asyncio.create_task(self.lease.run()),
        ]

    async def sees(self) -> Peers:
        """What a look shows that begins now: one may be under way."""
        async with asyncio.timeout(PATIENCE_S):
            await self.lease.next_look()
            return await self.lease.next_look()

    async def fall_mute(self) -> None:
        """Its heart beats no more, and it goes on renewing its lease."""
        if self._beating is not None:
            await self._cancel(self._beating)

    async def stand_still(self) -> None:
        """Neither renews nor beats from now on; nothing is given up, as under SIGSTOP."""
        await self._cancel(*self._tasks)
        self._tasks = []

    async def go(self) -> None:
        beating = [self._beating] if self._beating else []
        await self._cancel(*self._tasks, *beating)

    async def _cancel(self, *tasks: asyncio.Task[None]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class OwnersTown:
    def __init__(self, redis: Redis, database: Pool) -> None:
        self.redis = redis
        self.database = database
        self.registry = Registry(database, database)
        self.directory = Directory(database, database)
        self._residents: list[Resident] = []

    async def resident(
        self,
        name: str,
        machine: str = "",
        *,
        redis: Redis | None = None,
        clock_s: ClockS = elapsed_s,
    ) -> Resident:
        """Each on a machine of its own, unless told: only silence proves its death.

        ``redis``: its own way there. ``clock_s``: see `Resident`.
        """
        place = machine or f"machine of {name}"
        resident = Resident(name, place, redis or self.redis, self.registry, clock_s)
        self._residents.append(resident)
        await resident.come()
        return resident

    async def link(self, *session_ids: SessionId) -> None:
        for number, session_id in enumerate(session_ids):
            await self.directory.give_device(
                session_id, f"7999000{number:04d}:1@s.whatsapp.net", f"7999000{number:04d}"
            )

    async def run(self, statement: str, *values: object) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statement, values)

    async def go(self) -> None:
        for resident in self._residents:
            await resident.go()


@asynccontextmanager
async def owners_town(redis_url: str, database_url: str) -> AsyncIterator[OwnersTown]:
    async with AsyncExitStack() as stack:
        redis = connect_redis(redis_url)
        stack.push_async_callback(redis.aclose)
        database = make_pool(database_url, 4, "owners town")
        await database.open()
        stack.push_async_callback(database.close)
        town = OwnersTown(redis, database)
        stack.push_async_callback(town.go)
        yield town
