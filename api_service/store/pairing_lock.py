"""One pairing-code request per salon, and per number, at a time, over all API processes."""

from collections.abc import Awaitable, Callable
from typing import Final, cast

from redis.asyncio import Redis

from shared.bus import keys

_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class PairingLock:
    """Held by an owner until it is released or its time is over. Raises RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._release = redis.register_script(_RELEASE)

    async def acquire(self, subject: str, owner: str, hold_s: float) -> bool:
        """False while another owner holds it. Ends by itself after ``hold_s``."""
        key = keys.pairing_lock(subject)
        return bool(await self._redis.set(key, owner, nx=True, px=round(hold_s * 1000)))

    async def remaining_s(self, subject: str) -> float:
        """Until the lock ends by itself at the latest; 0 when nobody holds it."""
        return max(0, await self._redis.pttl(keys.pairing_lock(subject))) / 1000

    async def release(self, subject: str, owner: str) -> None:
        """Nothing happens when ``owner`` does not hold it any more."""
        call = cast("Callable[..., Awaitable[int]]", self._release)
        await call(keys=[keys.pairing_lock(subject)], args=[owner])
