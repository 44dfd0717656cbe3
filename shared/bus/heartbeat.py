"""Signs of life of WhatsApp processes: a key that expires soon after its process has ended."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.bus import keys
from shared.bus.giving_back import GivingBack
from shared.lifecycle import raise_if_cancelled

_log = structlog.get_logger(__name__)

LIFETIME_MS: Final = 4_000
BEAT_EVERY_S: Final = 1.0
BEAT_S: Final = 2.0
"""How long one beat may take."""

RETRY_S: Final = 0.3
# A full Redis refuses a script that begins by storing, but lets one go on that began otherwise.
_BEAT: Final = """
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SADD', KEYS[2], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[4])
"""

LISTED_S: Final = 600
"""The list of processes ends this long after the last beat of all. One whose heart is silent stays
on it until another has found it dead: it should be there, and health says so."""


def _nothing(_sent_at_s: float) -> None:
    return


class Heartbeat:
    """Beats for one process from `run` on; its key is removed when that is cancelled.

    ``steady_s`` says for how long the process has been renewing its lease without a failure; its
    peers can read it. ``on_beat`` is told, by ``clock_s``, when a beat that arrived was sent.
    """

    def __init__(
        self,
        redis: Redis,
        process_id: str,
        *,
        steady_s: Callable[[], float] = lambda: 0.0,
        on_beat: Callable[[float], None] = _nothing,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._script = redis.register_script(_BEAT)
        self._process_id = process_id
        self._steady_s = steady_s
        self._on_beat = on_beat
        self._clock_s = clock_s
        self.beating = asyncio.Event()

    async def run(self) -> None:
        try:
            await self._forever()
        finally:
            await self._end()

    async def _forever(self) -> None:
        missed = False
        while True:
            raise_if_cancelled()
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._beat()
                    self.beating.set()
            except (RedisError, OSError, TimeoutError) as error:
                if not missed:
                    _log.warning("heartbeat_missed", error=type(error).__name__)
                missed = True
                await asyncio.sleep(RETRY_S)
                continue
            missed = False
            await asyncio.sleep(BEAT_EVERY_S)

    async def _beat(self) -> None:
        sent_at_s = self._clock_s()
        script = cast("Callable[..., Awaitable[None]]", self._script)
        await script(
            keys=[keys.process_heartbeat(self._process_id), keys.PROCESSES],
            args=[f"{self._steady_s():.0f}", LIFETIME_MS, self._process_id, LISTED_S],
        )
        self._on_beat(sent_at_s)

    async def _end(self) -> None:
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(BEAT_S):
                await self._redis.srem(keys.PROCESSES, self._process_id)
                await self._redis.delete(keys.process_heartbeat(self._process_id))


class Heartbeats:
    """Every method may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._giving_back = GivingBack(redis)

    async def all(self) -> dict[str, float | None]:
        """Every listed process with its ``steady_s``; None: its heart is silent."""
        listed = sorted(cast("set[str]", await self._redis.smembers(keys.PROCESSES)))
        if not listed:
            return {}
        beats = await self._redis.mget([keys.process_heartbeat(name) for name in listed])
        return dict(zip(listed, map(_steady_s, beats), strict=True))

    async def living(self) -> frozenset[str]:
        """Ids of the processes whose heart beats."""
        return frozenset(name for name, beat in (await self.all()).items() if beat is not None)

    async def strike_off(self, process_id: str) -> None:
        """It is dead: its commands are for others, and nobody waits for its answer.

        One that only stood still adds itself again.
        """
        await self._giving_back.of(process_id)
        await self._redis.srem(keys.PROCESSES, process_id)


def _steady_s(beat: str | bytes | None) -> float | None:
    try:
        return None if beat is None else float(beat)
    except ValueError:
        return 0.0
