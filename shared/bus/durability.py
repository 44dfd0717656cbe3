"""Whether Redis keeps what it has answered for, or forgets it when it is killed."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import structlog
from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from shared.lifecycle import raise_if_cancelled

_log = structlog.get_logger(__name__)
_append_only = Gauge("redis_append_only", "1: as it must be in production, 0: not, NaN: unknown")

ASK_S: Final = 2.0
LOOK_EVERY_S: Final = 30.0
LOOK_AGAIN_S: Final = 1.0
_OFTEN_ENOUGH: Final = frozenset({"everysec", "always"})
ADVICE: Final = "set appendonly yes and appendfsync everysec (deploy/redis.conf)"


class Known(StrEnum):
    """Managed servers let nobody ask for all of it."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Durability:
    """``fsync``: as Redis calls it, `everysec` for example, or `unknown`.

    ``written``: whether the last write of the append-only file came to the disk.
    """

    append_only: Known
    fsync: str
    written: Known

    @property
    def sufficient(self) -> Known:
        """At most the last second is lost when Redis is killed."""
        if Known.NO in {self.append_only, self.written} or not self._often():
            return Known.NO
        return self.append_only

    def _often(self) -> bool:
        return self.fsync in _OFTEN_ENOUGH or self.fsync == Known.UNKNOWN


UNKNOWN: Final = Durability(Known.UNKNOWN, Known.UNKNOWN, Known.UNKNOWN)


async def ask_durability(redis: Redis) -> Durability:
    """Raises redis.exceptions.RedisError and TimeoutError when Redis does not answer."""
    async with asyncio.timeout(ASK_S):
        try:
            said: dict[str, Any] = await redis.info("persistence")
        except ResponseError:
            return UNKNOWN
        return Durability(_known(said.get("aof_enabled"), 1), await _fsync(redis), _written(said))


async def _fsync(redis: Redis) -> str:
    try:
        said = await redis.config_get("appendfsync")
    except ResponseError:
        return Known.UNKNOWN.value
    return said.get("appendfsync") or Known.UNKNOWN.value


def _known(value: object, wanted: object) -> Known:
    if value is None:
        return Known.UNKNOWN
    return Known.YES if value == wanted else Known.NO


def _written(said: dict[str, Any]) -> Known:
    return _known(said.get("aof_last_write_status"), "ok")


class DurabilityWatch:
    """Says in the log, and in a metric, when what Redis keeps is not enough, and when it is again.

    ``required``: in production. Elsewhere it is told, and nothing is wrong.
    """

    def __init__(self, redis: Redis, *, required: bool) -> None:
        self._redis = redis
        self._required = required

    async def run(self) -> None:
        told: Durability | None = None
        while True:
            raise_if_cancelled()
            try:
                found = await ask_durability(self._redis)
            except (RedisError, OSError, TimeoutError):
                await asyncio.sleep(LOOK_AGAIN_S)
                continue
            if found != told:
                self._tell(found)
                told = found
            await asyncio.sleep(LOOK_EVERY_S)

    def _tell(self, found: Durability) -> None:
        sufficient = found.sufficient
        _append_only.set(_MEASURED[sufficient])
        fields = {"append_only": found.append_only, "fsync": found.fsync, "written": found.written}
        if sufficient is Known.YES:
            _log.info("redis_is_durable", **fields)
        elif sufficient is Known.UNKNOWN or not self._required:
            _log.warning("redis_may_forget", advice=ADVICE, **fields)
        else:
            _log.error("redis_forgets", advice=ADVICE, **fields)


_MEASURED: Final = {Known.YES: 1.0, Known.NO: 0.0, Known.UNKNOWN: float("nan")}
