"""The heart of a WhatsApp process that is not there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import Redis

from shared.bus import keys
from shared.bus.heartbeat import Heartbeat
from tests.support.waiting import PATIENCE_S

OUTLIVES_MS: Final = 15_000
"""A test's process stands still for seconds at times, and all that it plays with it."""


class PatientHeart(Heartbeat):
    """Its process is found dead when it has ended in order, and not for a stall."""

    async def _beat(self) -> None:
        await super()._beat()
        await self._redis.pexpire(keys.process_heartbeat(self._process_id), OUTLIVES_MS)


@asynccontextmanager
async def beating(redis: Redis, process_id: str) -> AsyncIterator[None]:
    """From the first beat on; the process has ended in order afterwards."""
    heart = PatientHeart(redis, process_id)
    task = asyncio.create_task(heart.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await heart.beating.wait()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
