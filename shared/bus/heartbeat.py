"""Signs of life of WhatsApp processes: a key that expires soon after its process has ended."""

import asyncio
import contextlib
from typing import Final, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.bus import keys
from shared.lifecycle import raise_if_cancelled

_log = structlog.get_logger(__name__)

LIFETIME_MS: Final = 4_000
BEAT_EVERY_S: Final = 1.0
BEAT_S: Final = 2.0
"""How long one beat may take."""

RETRY_S: Final = 0.3


class Heartbeat:
    """Beats for one process from `run` on; its key is removed when that is cancelled."""

    def __init__(self, redis: Redis, process_id: str) -> None:
        self._redis = redis
        self._process_id = process_id
        self.beating = asyncio.Event()

    async def run(self) -> None:
        try:
            await self._forever()
        finally:
            await self._end()

    async def _forever(self) -> None:
        pruned = missed = False
        while True:
            raise_if_cancelled()
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._beat()
                    self.beating.set()
                    pruned = pruned or await self._prune()
            except (RedisError, OSError, TimeoutError) as error:
                if not missed:
                    _log.warning("heartbeat_missed", error=type(error).__name__)
                missed = True
                await asyncio.sleep(RETRY_S)
                continue
            missed = False
            await asyncio.sleep(BEAT_EVERY_S)

    async def _beat(self) -> None:
        """The list of processes expires with the last of them."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(keys.process_heartbeat(self._process_id), "1", px=LIFETIME_MS)
            pipe.sadd(keys.PROCESSES, self._process_id)
            pipe.pexpire(keys.PROCESSES, LIFETIME_MS)
            await pipe.execute()

    async def _prune(self) -> bool:
        """Take killed processes off the list; one that only stood still adds itself again."""
        listed = await _listed(self._redis)
        gone = listed - await _living(self._redis, listed)
        if gone:
            await self._redis.srem(keys.PROCESSES, *gone)
        return True

    async def _end(self) -> None:
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(BEAT_S):
                await self._redis.srem(keys.PROCESSES, self._process_id)
                await self._redis.delete(keys.process_heartbeat(self._process_id))


class Heartbeats:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def living(self) -> frozenset[str]:
        """Ids of the processes whose heart beats. Raises redis.exceptions.RedisError."""
        return await _living(self._redis, await _listed(self._redis))


async def _listed(redis: Redis) -> frozenset[str]:
    return frozenset(cast("set[str]", await redis.smembers(keys.PROCESSES)))


async def _living(redis: Redis, process_ids: frozenset[str]) -> frozenset[str]:
    ordered = sorted(process_ids)
    if not ordered:
        return frozenset()
    beats = await redis.mget([keys.process_heartbeat(process_id) for process_id in ordered])
    return frozenset(name for name, beat in zip(ordered, beats, strict=True) if beat is not None)
