"""What came while Postgres did not answer, in a bounded stream of Redis until it is back.

What Postgres refuses again and again is set aside, in a second bounded stream: nothing that is kept
waits for it. Both give nothing up.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from redis.asyncio import Redis

from shared.bus import keys

_KEEP: Final = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'notification', ARGV[2])
return 1
"""
_SET_ASIDE: Final = """
if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[1]) then return 0 end
if redis.call('XDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
redis.call('HDEL', KEYS[3], ARGV[2])
redis.call('XADD', KEYS[2], '*', 'notification', ARGV[3], 'reason', ARGV[4])
return 1
"""
_GIVE_BACK: Final = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
if redis.call('XDEL', KEYS[2], ARGV[2]) == 0 then return 0 end
redis.call('XADD', KEYS[1], '*', 'notification', ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """``reason``: why it was set aside; empty while it was not."""

    stream_id: str
    text: str
    reason: str = ""


class KeptNotifications:
    """Every method may raise redis.exceptions.RedisError. Read what is set aside by `aside`."""

    def __init__(self, redis: Redis, key: str, max_length: int) -> None:
        self._redis = redis
        self._key = key
        self._refusals = keys.refusals(key)
        self._max_length = max_length
        self._keep = redis.register_script(_KEEP)
        self._set_aside = redis.register_script(_SET_ASIDE)
        self._give_back = redis.register_script(_GIVE_BACK)

    @property
    def aside(self) -> "KeptNotifications":
        """What was set aside of it."""
        return KeptNotifications(self._redis, keys.set_aside(self._key), keys.SET_ASIDE_MAX_LENGTH)

    async def keep(self, text: str) -> bool:
        """False when it is full: nothing that was kept before gives way."""
        call = cast("Callable[..., Awaitable[int]]", self._keep)
        return bool(await call(keys=[self._key], args=[self._max_length, text]))

    async def oldest(self, count: int, after: str | None = None) -> list[Kept]:
        """They stay until they are discarded. ``after``: read on behind that entry."""
        first = f"({after}" if after else "-"
        return _read(await self._redis.xrange(self._key, min=first, count=count))

    async def find(self, stream_id: str) -> Kept | None:
        found = _read(await self._redis.xrange(self._key, min=stream_id, max=stream_id))
        return found[0] if found else None

    async def discard(self, kept: Kept) -> None:
        async with self._redis.pipeline() as pipeline:
            pipeline.xdel(self._key, kept.stream_id)
            pipeline.hdel(self._refusals, kept.stream_id)
            await pipeline.execute()

    async def note_refusal(self, kept: Kept) -> int:
        """How often Postgres has refused it, with this time."""
        return int(await self._redis.hincrby(self._refusals, kept.stream_id, 1))

    async def set_aside(self, kept: Kept, reason: str) -> bool:
        """False when another process has done so, or nothing more can be set aside: it stays."""
        call = cast("Callable[..., Awaitable[int]]", self._set_aside)
        stations = [self._key, keys.set_aside(self._key), self._refusals]
        limit = keys.SET_ASIDE_MAX_LENGTH
        return bool(await call(keys=stations, args=[limit, kept.stream_id, kept.text, reason]))

    async def give_back(self, aside: Kept) -> bool:
        """What was set aside waits again, as if it had just come.

        False when it is not there any more, or nothing more can be kept.
        """
        call = cast("Callable[..., Awaitable[int]]", self._give_back)
        stations = [self._key, keys.set_aside(self._key)]
        return bool(await call(keys=stations, args=[self._max_length, aside.stream_id, aside.text]))

    async def waiting(self) -> int:
        return int(await self._redis.xlen(self._key))


def _read(entries: Any) -> list[Kept]:
    return [
        Kept(str(stream_id), str(fields.get("notification", "")), str(fields.get("reason", "")))
        for stream_id, fields in ((name, found or {}) for name, found in entries or [])
    ]
