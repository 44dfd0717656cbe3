"""Sees whether anything was changed, and what was logged about it."""

import contextlib
import logging
from collections.abc import AsyncIterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
import structlog.testing
from psycopg.sql import SQL, Identifier
from redis.asyncio import Redis

from shared.bus import keys

_NOTEWORTHY: Final = {"info", "warning", "error", "critical"}
_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


@dataclass
class Report:
    """What was logged at INFO or above, by us or by a library."""

    lines: list[MutableMapping[str, Any]] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        return [str(line["event"]) for line in self.lines]


class Witness:
    """Knows all rows of all tables and all keys of Redis but those that count for the limits."""

    def __init__(self, database_url: str, redis: Redis) -> None:
        self._database_url = database_url
        self._redis = redis

    @contextlib.asynccontextmanager
    async def nothing_changes(self) -> AsyncIterator[Report]:
        """Fails when a row or a key is not as it was; the report is whole at the end."""
        before = await self._everything()
        report, of_libraries = Report(), _Kept(logging.INFO)
        logging.getLogger().addHandler(of_libraries)
        try:
            with structlog.testing.capture_logs() as logs:
                yield report
        finally:
            logging.getLogger().removeHandler(of_libraries)
        report.lines += [line for line in logs if line["log_level"] in _NOTEWORTHY]
        report.lines += of_libraries.lines
        assert await self._everything() == before

    async def _everything(self) -> dict[str, object]:
        return {**self._rows(), **await self._keys()}

    def _rows(self) -> dict[str, object]:
        with psycopg.connect(self._database_url) as connection:
            tables = [name for (name,) in connection.execute(_TABLES)]
            each = (SQL("SELECT {}, t::text FROM {} t").format(n, Identifier(n)) for n in tables)
            return {"rows": connection.execute(SQL(" UNION ALL ").join(each)).fetchall()}

    async def _keys(self) -> dict[str, object]:
        limits = keys.rate_limit_prefix()
        dumped = self._redis.dump
        return {
            name: await dumped(name)
            async for name in self._redis.scan_iter(count=1_000)
            if not name.decode(errors="replace").startswith(limits)
        }


class _Kept(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: list[MutableMapping[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append({"event": record.getMessage(), "log_level": record.levelname.lower()})
