"""One at a time, over all API processes."""

from collections.abc import Awaitable, Callable
from typing import Final, cast

from redis.asyncio import Redis

from shared.lifecycle import shielded

_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class ExpiringLock:
    """Held by an owner until it is released or its time is over. Raises RedisError.

    ``key_of``: the key of a subject.
    """

    def __init__(self, redis: Redis, key_of: Callable[[str], str]) -> None:
        self._redis = redis
        self._key_of = key_of
        self._release = redis.register_script(_RELEASE)

    async def acquire(self, subject: str, owner: str, hold_s: float) -> bool:
        """False while another owner holds it. Ends by itself after ``hold_s``."""
        key = self._key_of(subject)
        return bool(await self._redis.set(key, owner, nx=True, px=round(hold_s * 1000)))

    async def remaining_s(self, subject: str) -> float:
        """Until the lock ends by itself at the latest; 0 when nobody holds it."""
        return max(0, await self._redis.pttl(self._key_of(subject))) / 1000

    async def release(self, subject: str, owner: str) -> None:
        """Nothing happens when ``owner`` does not hold it any more.

        Whoever is cancelled while he releases has released all the same: a page may leave in the
        moment in which it has got what it asked for.
        """
        await shielded(self._let_go(subject, owner), "lock release")

    async def _let_go(self, subject: str, owner: str) -> None:
        call = cast("Callable[..., Awaitable[int]]", self._release)
        await call(keys=[self._key_of(subject)], args=[owner])
