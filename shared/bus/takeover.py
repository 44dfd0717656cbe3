"""Commands that a killed process had in hand, and its name in the consumer group."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import structlog
from redis.asyncio import Redis

from shared.bus import keys
from shared.bus.heartbeat import LIFETIME_MS

_log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 1.0
SILENT_MS: Final = LIFETIME_MS
"""A consumer that lives asks for commands every 2 s; one that only waits has a heartbeat."""

BATCH: Final = 100

_GIVE_BACK: Final = """
local entries = redis.call('XRANGE', KEYS[1], '-', '+')
for _, entry in ipairs(entries) do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], '*', unpack(entry[2]))
end
redis.call('DEL', KEYS[1])
return #entries
"""

Entry = tuple[str, dict[str, str]]


class Takeover:
    """Every method may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis, consumer: str) -> None:
        self._redis = redis
        self._consumer = consumer
        self._looked_at = float("-inf")
        self._give_back = redis.register_script(_GIVE_BACK)

    async def give_back(self, process_id: str) -> None:
        """What was forwarded to a process that has ended, to the common stream again."""
        give_back = cast("Callable[..., Awaitable[int]]", self._give_back)
        count = await give_back(
            keys=[keys.commands_of(process_id), keys.COMMANDS], args=[keys.COMMANDS_MAX_LENGTH]
        )
        if count:
            _log.warning("bus_commands_given_back", consumer=process_id, commands=count)

    async def claim(self) -> list[Entry]:
        """What the dead left behind, ours now; each consumer of theirs goes when it has nothing.

        Looks once a second at most.
        """
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return []
        entries = [entry for name in await self._dead() for entry in await self._claim_from(name)]
        self._looked_at = time.monotonic()
        return entries

    async def _dead(self) -> list[str]:
        consumers = await self._redis.xinfo_consumers(keys.COMMANDS, keys.COMMANDS_GROUP)
        silent = [
            str(consumer["name"])
            for consumer in consumers
            if consumer["name"] != self._consumer and consumer["idle"] > SILENT_MS
        ]
        if not silent:
            return []
        beats = await self._redis.mget([keys.process_heartbeat(name) for name in silent])
        return [name for name, beat in zip(silent, beats, strict=True) if beat is None]

    async def _claim_from(self, dead: str) -> list[Entry]:
        await self.give_back(dead)
        pending = await self._redis.xpending_range(
            keys.COMMANDS, keys.COMMANDS_GROUP, min="-", max="+", count=BATCH, consumername=dead
        )
        if not pending:
            await self._redis.xgroup_delconsumer(keys.COMMANDS, keys.COMMANDS_GROUP, dead)
            _log.info("bus_consumer_removed", consumer=dead)
            return []
        claimed = await self._redis.xclaim(
            keys.COMMANDS,
            keys.COMMANDS_GROUP,
            self._consumer,
            min_idle_time=0,
            message_ids=[item["message_id"] for item in pending],
        )
        _log.warning("bus_commands_taken_over", consumer=dead, commands=len(claimed))
        return [entry for entry in cast("list[Any]", claimed) if entry[1]]
