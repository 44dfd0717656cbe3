"""How Redis is, and how much waits in it."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.bus import keys
from shared.bus.durability import UNKNOWN, Durability, Known, ask_durability

_STATE: Final = "db.client.connection.state"


@dataclass(frozen=True, slots=True)
class CommandDepth:
    """``unread``: nobody has taken it; ``in_hand``: taken, not finished; ``dead``: buried."""

    unread: int
    in_hand: int
    dead: int


class Vitals:
    """``lasting``: whether Redis must keep what it is told when it is killed, as in production."""

    def __init__(self, redis: Redis, *, lasting: bool) -> None:
        self._redis = redis
        self._lasting = lasting

    async def latency_ms(self, timeout_s: float = 2.0) -> float | None:
        """Time of one PING, None when Redis does not answer in time."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(timeout_s):
                await self._redis.ping()
        except (RedisError, OSError, TimeoutError):
            return None
        return (time.perf_counter() - started) * 1000

    async def durability(self) -> Durability:
        """All of it unknown when Redis does not answer in time."""
        try:
            return await ask_durability(self._redis)
        except (RedisError, OSError, TimeoutError):
            return UNKNOWN

    def forgets(self, durability: Durability) -> bool:
        return self._lasting and durability.sufficient is Known.NO

    def connections_in_use(self) -> int:
        return sum(
            count
            for count, labels in self._redis.connection_pool.get_connection_count()
            if labels.get(_STATE) == "used"
        )

    def connections(self) -> int:
        return sum(count for count, _ in self._redis.connection_pool.get_connection_count())

    @property
    def connections_limit(self) -> int:
        return self._redis.connection_pool.max_connections

    async def command_depth(self) -> CommandDepth:
        """Raises redis.exceptions.RedisError."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.xlen(keys.COMMANDS)
            pipe.xlen(keys.COMMANDS_DEAD)
            length, dead = await pipe.execute()
        groups = await self._redis.xinfo_groups(keys.COMMANDS) if length else []
        for group in groups:
            if group["name"] == keys.COMMANDS_GROUP:
                return CommandDepth(int(group["lag"] or 0), int(group["pending"]), int(dead))
        return CommandDepth(int(length), 0, int(dead))
