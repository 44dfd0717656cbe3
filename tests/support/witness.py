"""Sees whether anything was changed, and what was logged about it."""

import contextlib
import logging
import time
from collections.abc import AsyncIterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
import structlog.testing
from psycopg.sql import SQL, Identifier
from redis.asyncio import Redis

from shared.bus import keys

_FOR_EVER: Final = -1
"""What Redis says of the time to live of a key that has none."""
_NOTEWORTHY: Final = {"info", "warning", "error", "critical"}
_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


@dataclass
class Report:
    """What was logged at INFO or above, by us or by a library."""

    lines: list[MutableMapping[str, Any]] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        return [str(line["event"]) for line in self.lines]


@dataclass(frozen=True)
class _Key:
    """``ends_at``: on the monotonic clock, when Redis lets go of it by itself; None: never."""

    value: bytes
    ends_at: float | None


class Witness:
    """Knows all rows of all tables and all keys of Redis but those that count for the limits.

    A key that was to end meanwhile is none: the turns of calls to YClients, say, after a minute.
    """

    def __init__(self, database_url: str, redis: Redis) -> None:
        self._database_url = database_url
        self._redis = redis

    @contextlib.asynccontextmanager
    async def nothing_changes(self) -> AsyncIterator[Report]:
        """Fails when a row or a key is not as it was; the report is whole at the end."""
        rows, there = self._rows(), await self._keys()
        report, of_libraries = Report(), _Kept(logging.INFO)
        logging.getLogger().addHandler(of_libraries)
        try:
            with structlog.testing.capture_logs() as logs:
                yield report
        finally:
            logging.getLogger().removeHandler(of_libraries)
        report.lines += [line for line in logs if line["log_level"] in _NOTEWORTHY]
        report.lines += of_libraries.lines
        assert self._rows() == rows
        left = await self._keys()
        over = _over(there)
        assert _values(left, over) == _values(there, over)

    def _rows(self) -> list[Any]:
        with psycopg.connect(self._database_url) as connection:
            tables = [name for (name,) in connection.execute(_TABLES)]
            each = (SQL("SELECT {}, t::text FROM {} t").format(n, Identifier(n)) for n in tables)
            return connection.execute(SQL(" UNION ALL ").join(each)).fetchall()

    async def _keys(self) -> dict[bytes, _Key]:
        limits = keys.rate_limit_prefix()
        found: dict[bytes, _Key] = {}
        async for name in self._redis.scan_iter(count=1_000):
            if name.decode(errors="replace").startswith(limits):
                continue
            asked = time.monotonic()
            left_ms, value = await self._redis.pttl(name), await self._redis.dump(name)
            if value is not None:
                ends_at = None if left_ms == _FOR_EVER else asked + left_ms / 1000
                found[name] = _Key(value, ends_at)
        return found


def _over(found: dict[bytes, _Key]) -> set[bytes]:
    """The keys that were to end by now."""
    now = time.monotonic()
    return {name for name, key in found.items() if key.ends_at is not None and key.ends_at <= now}


def _values(found: dict[bytes, _Key], over: set[bytes]) -> dict[bytes, bytes]:
    return {name: key.value for name, key in found.items() if name not in over}


class _Kept(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: list[MutableMapping[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append({"event": record.getMessage(), "log_level": record.levelname.lower()})
