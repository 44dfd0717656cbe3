"""The library's tables, created or upgraded once, by one process alone."""

import asyncio
from typing import Final

import structlog

from shared.db import DatabaseError, Pool, is_postgres_itself, measure_latency_ms
from whatsapp_service.gateway.linker_protocol import PrepareStore, StorePrepared
from whatsapp_service.sessions.linker import LinkerGoneError
from whatsapp_service.sessions.linker_pool import LinkerPool
from whatsapp_service.store import credential_schema

_log = structlog.get_logger(__name__)

PREPARE_S: Final = 60.0
LOOK_AGAIN_S: Final = 2.0
TRY_AGAIN_S: Final = 15.0
IDLE_TIMEOUT_SINCE: Final = 140_000
"""``idle_session_timeout`` came with Postgres 14."""


class SchemaElsewhereError(Exception):
    """The library's tables were made where the store's own URL does not find them."""


async def prepare_store(pool: LinkerPool, credentials: Pool, schema_url: str) -> None:
    """Until it is done: Postgres may be away. Raises SchemaElsewhereError.

    In a linker process, because the library keeps the connection it used for this; and only when
    the store answers, because a process costs half a second of a core.
    """
    while True:
        answers = await measure_latency_ms(credentials) is not None
        if answers and await _prepared(pool, credentials, schema_url):
            break
        _log.warning("store_not_prepared", answers=answers)
        await asyncio.sleep(TRY_AGAIN_S if answers else LOOK_AGAIN_S)


async def closes_idle_connections(credentials: Pool) -> bool:
    """Whether the store itself can end connections that the library has left; until it answers."""
    while True:
        try:
            return await is_postgres_itself(credentials, IDLE_TIMEOUT_SINCE)
        except DatabaseError as error:
            _log.warning("store_lost", error=type(error).__name__)
            await asyncio.sleep(LOOK_AGAIN_S)


async def _prepared(pool: LinkerPool, credentials: Pool, schema_url: str) -> bool:
    """Alone among all processes, since the library's ways of making tables collide."""
    try:
        async with credentials.connection() as connection, connection.transaction():
            await credential_schema.lock(connection, PREPARE_S)
            if not await _made(pool, schema_url):
                return False
            if await credential_schema.seen(connection):
                return True
    except DatabaseError as error:
        _log.warning("store_lost", error=type(error).__name__)
        return False
    _log.error(
        "store_schema_elsewhere",
        advice="WHATSAPP_STORE_URL and WHATSAPP_STORE_SCHEMA_URL must name one database",
    )
    raise SchemaElsewhereError


async def _made(pool: LinkerPool, schema_url: str) -> bool:
    try:
        linker = await pool.take_warm()
    except (LinkerGoneError, TimeoutError):
        return False
    try:
        linker.tell(PrepareStore(store_url=schema_url))
        await linker.expect(StorePrepared, PREPARE_S)
    except (LinkerGoneError, TimeoutError):
        await linker.end()
        return False
    except asyncio.CancelledError:
        await linker.end()
        raise
    await pool.put_back(linker)
    return True
