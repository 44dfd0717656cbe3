"""What came while Postgres did not answer, in a bounded stream of Redis until it is back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, cast

from redis.asyncio import Redis

_KEEP: Final = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'notification', ARGV[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class Kept:
    stream_id: str
    text: str


class KeptNotifications:
    """Every method may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis, key: str, max_length: int) -> None:
        self._redis = redis
        self._key = key
        self._max_length = max_length
        self._keep = redis.register_script(_KEEP)

    async def keep(self, text: str) -> bool:
        """False when it is full: nothing that was kept before gives way."""
        call = cast("Callable[..., Awaitable[int]]", self._keep)
        return bool(await call(keys=[self._key], args=[self._max_length, text]))

    async def oldest(self, count: int) -> list[Kept]:
        """They stay until they are discarded."""
        entries = await self._redis.xrange(self._key, count=count)
        return [
            Kept(str(stream_id), str((fields or {}).get("notification", "")))
            for stream_id, fields in entries or []
        ]

    async def discard(self, kept: Kept) -> None:
        await self._redis.xdel(self._key, kept.stream_id)

    async def waiting(self) -> int:
        return int(await self._redis.xlen(self._key))
