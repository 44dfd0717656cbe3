"""Postgres: a pool with deadlines, and SQL kept in named blocks of ``.sql`` files."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any, Final

from psycopg import AsyncConnection, Error
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

CONNECT_TIMEOUT_S: Final = 3
POOL_TIMEOUT_S: Final = 5.0
STATEMENT_TIMEOUT_MS: Final = 10_000

Row = dict[str, Any]
Connection = AsyncConnection[Row]
Pool = AsyncConnectionPool[Connection]
DatabaseError = Error
"""What every call into the database may raise; PoolTimeout is one of its kinds."""

__all__ = ["Connection", "DatabaseError", "Pool", "PoolTimeout", "Row", "load_queries", "make_pool"]

_BLOCK: Final = re.compile(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL)


def make_pool(url: str, size: int, application: str) -> Pool:
    """A pool that is not open yet; it reconnects by itself after the database was away."""
    return AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        timeout=POOL_TIMEOUT_S,
        max_waiting=size * 50,
        max_idle=120,
        reconnect_timeout=0,
        check=AsyncConnectionPool.check_connection,
        open=False,
        kwargs={
            "autocommit": True,
            "row_factory": dict_row,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": application,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS}",
        },
        name=application,
    )


async def measure_latency_ms(pool: Pool, timeout_s: float = 2.0) -> float | None:
    """Time of one empty query, None when the database does not answer in time."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s), pool.connection(timeout=timeout_s) as connection:
            await connection.execute("SELECT 1")
    except (Error, TimeoutError):
        return None
    return (time.perf_counter() - started) * 1000


def load_queries(path: Path) -> dict[str, str]:
    """``-- name: find_company`` starts a block; its text up to the next is the statement."""
    return {name: text.strip() for name, text in _BLOCK.findall(path.read_text("utf-8"))}
