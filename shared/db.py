"""Postgres: a pool with deadlines, and SQL kept in named blocks of ``.sql`` files."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from psycopg import (
    AsyncConnection,
    Error,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import DeadlockDetected, SerializationFailure
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

CONNECT_TIMEOUT_S: Final = 3
POOL_TIMEOUT_S: Final = 5.0
STATEMENT_TIMEOUT_MS: Final = 10_000
TRANSACTION_TRIES: Final = 4
NOTICE_A_DEAD_PEER: Final = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A server that has gone without a word would be waited for until the kernel gives up, for hours:
the statement's own deadline is kept by the server."""
_LAST_PORT: Final = 65_535

T = TypeVar("T")
Row = dict[str, Any]
Connection = AsyncConnection[Row]
Pool = AsyncConnectionPool[Connection]
DatabaseError = Error
"""What every call into the database may raise; PoolTimeout is one of its kinds."""

__all__ = [
    "Connection",
    "DatabaseError",
    "Pool",
    "PoolTimeout",
    "PoolUse",
    "Row",
    "abandon",
    "connect_alone",
    "in_transaction",
    "is_postgres_itself",
    "load_queries",
    "make_pool",
    "may_pass",
    "pool_use",
]

_BLOCK: Final = re.compile(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL)


def make_pool(url: str, size: int, application: str) -> Pool:
    """A pool that is not open yet; it reconnects by itself after the database was away.

    ``url`` may name Postgres or a pooler such as PgBouncer before it, also one that gives a
    connection for one transaction only: see `_suit`.
    """
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
            **NOTICE_A_DEAD_PEER,
            "application_name": application,
        },
        configure=partial(_suit, own_options=str(conninfo_to_dict(url).get("options") or "")),
        name=application,
    )


async def connect_alone(url: str) -> Connection:
    """One connection without a pool, for an operator's command; a context manager closes it."""
    return await AsyncConnection.connect(
        url, autocommit=True, row_factory=dict_row, connect_timeout=CONNECT_TIMEOUT_S
    )


async def is_postgres_itself(pool: Pool, version: int = 0) -> bool:
    """Not a pooler before it, and of that version (140000 is 14.0) or newer.

    Raises what the database raises.
    """
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT 1 WHERE pg_backend_pid() = %s", (connection.info.backend_pid,)
        )
        direct = await cursor.fetchone() is not None
        return direct and connection.info.server_version >= version


async def _suit(connection: Connection, own_options: str) -> None:
    """Our deadline for statements, unless the URL has its own; behind a pooler, neither.

    A pooler tells a process id that is not Postgres'. Behind it the next statement may reach
    another server connection: what is set for a connection would be another client's, and what
    was prepared on it is not there. PgBouncer even refuses `options` when a connection starts.
    """
    ours = "" if "statement_timeout" in own_options else str(STATEMENT_TIMEOUT_MS)
    direct = await within(CONNECT_TIMEOUT_S, _limit(connection, ours))
    if not direct:
        connection.prepare_threshold = None


async def _limit(connection: Connection, statement_timeout: str) -> bool:
    """False, and nothing is set, when somebody stands between Postgres and us."""
    cursor = await connection.execute(
        "SELECT set_config('statement_timeout',"
        " coalesce(nullif(%s, ''), current_setting('statement_timeout')), false)"
        " WHERE pg_backend_pid() = %s",
        (statement_timeout, connection.info.backend_pid),
    )
    return await cursor.fetchone() is not None


def is_postgres_url(url: str) -> bool:
    """Whether it can be read; nothing is connected. It may name several hosts and ports."""
    try:
        asked = conninfo_to_dict(url)
    except (ProgrammingError, UnicodeError):
        return False
    ports = str(asked.get("port") or "").split(",")
    return all(port == "" or (port.isdecimal() and 0 < int(port) <= _LAST_PORT) for port in ports)


async def in_transaction(pool: Pool, work: Callable[[Connection], Awaitable[T]]) -> T:
    """What ``work`` returns, committed. It runs again at once when Postgres asks for that.

    Postgres asks by a serialization failure (40001) or a deadlock (40P01); three times at most.
    """
    for tries_left in reversed(range(TRANSACTION_TRIES)):
        try:
            async with pool.connection() as connection, connection.transaction():
                return await work(connection)
        except (SerializationFailure, DeadlockDetected):
            if not tries_left:
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def may_pass(error: BaseException) -> bool:
    """Whether it says nothing of the statement: Postgres is away, full, read-only, or too busy.

    False for everything that is no error of the database.
    """
    return isinstance(error, OperationalError | InterfaceError | InternalError)


async def within(timeout_s: float, work: Coroutine[Any, Any, T]) -> T:
    """Raises TimeoutError in time; psycopg alone takes up to 10 s to give a cancelled query up."""
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
    except asyncio.CancelledError:
        abandon(task)
        raise
    if not done:
        abandon(task)
        raise TimeoutError
    return task.result()


_abandoned: Final[set[asyncio.Task[Any]]] = set()


def abandon(task: asyncio.Task[Any]) -> None:
    """Cancelled; kept until it has noticed, which may take psycopg a while."""
    task.cancel()
    _abandoned.add(task)
    task.add_done_callback(_forget)


def _forget(task: asyncio.Task[Any]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()


async def measure_latency_ms(pool: Pool, timeout_s: float = 2.0) -> float | None:
    """Time of one empty query, None when the database does not answer in time."""
    started = time.perf_counter()
    try:
        await within(timeout_s, _ask_nothing(pool, timeout_s))
    except (Error, TimeoutError):
        return None
    return (time.perf_counter() - started) * 1000


async def _ask_nothing(pool: Pool, timeout_s: float) -> None:
    async with pool.connection(timeout=timeout_s) as connection:
        await connection.execute("SELECT 1")


@dataclass(frozen=True, slots=True)
class PoolUse:
    """Connections: ``size`` there are, of ``limit`` at most; ``waiting``: queries for one."""

    size: int
    in_use: int
    limit: int
    waiting: int


def pool_use(pool: Pool) -> PoolUse:
    stats = pool.get_stats()
    size = stats.get("pool_size", 0)
    return PoolUse(
        size=size,
        in_use=size - stats.get("pool_available", 0),
        limit=stats.get("pool_max", 0),
        waiting=stats.get("requests_waiting", 0),
    )


def load_queries(path: Path) -> dict[str, str]:
    """``-- name: find_company`` starts a block; its text up to the next is the statement."""
    return {name: text.strip() for name, text in _BLOCK.findall(path.read_text("utf-8"))}
