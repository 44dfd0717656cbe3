"""The heart of a WhatsApp process that is not there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from shared.bus.heartbeat import Heartbeat
from tests.support.waiting import PATIENCE_S


@asynccontextmanager
async def beating(redis: Redis, process_id: str) -> AsyncIterator[None]:
    """From the first beat on; the process has ended in order afterwards."""
    heart = Heartbeat(redis, process_id)
    task = asyncio.create_task(heart.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await heart.beating.wait()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
