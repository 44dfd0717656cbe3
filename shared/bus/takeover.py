"""Commands that a killed process had in hand, and its name in the consumer group."""

import time
from typing import Any, Final, cast

import structlog
from redis.asyncio import Redis

from shared.bus import keys
from shared.bus.giving_back import GivingBack
from shared.bus.heartbeat import LIFETIME_MS

_log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 1.0
SILENT_MS: Final = LIFETIME_MS
"""A consumer that lives asks for commands every 2 s; one that only waits has a heartbeat."""

BATCH: Final = 100

Entry = tuple[str, dict[str, str]]


class Takeover:
    """Every method may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis, consumer: str) -> None:
        self._redis = redis
        self._consumer = consumer
        self._looked_at = float("-inf")
        self._giving_back = GivingBack(redis)

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
        """Also those without a place in the group: they may still be written to."""
        consumers = await self._redis.xinfo_consumers(keys.COMMANDS, keys.COMMANDS_GROUP)
        idle = {str(it["name"]) for it in consumers if it["idle"] > SILENT_MS}
        listed = cast("set[str]", await self._redis.smembers(keys.PROCESSES))
        silent = sorted((idle | listed) - {self._consumer})
        if not silent:
            return []
        beats = await self._redis.mget([keys.process_heartbeat(name) for name in silent])
        return [name for name, beat in zip(silent, beats, strict=True) if beat is None]

    async def _claim_from(self, dead: str) -> list[Entry]:
        await self._giving_back.of(dead)
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
