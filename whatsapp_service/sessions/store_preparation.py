"""The library's tables, created or upgraded once, by one process alone."""

import asyncio
from typing import Final

import structlog

from whatsapp_service.gateway.linker_protocol import PrepareStore, StorePrepared
from whatsapp_service.sessions.linker import LinkerGoneError
from whatsapp_service.sessions.linker_pool import LinkerPool

_log = structlog.get_logger(__name__)

PREPARE_S: Final = 60.0


async def prepare_store(pool: LinkerPool, store_url: str, *, retry_s: float) -> None:
    """Until it is done: Postgres may be away.

    In a linker process, because the library keeps the connection it used for this.
    """
    while not await _prepared(pool, store_url):
        _log.warning("store_not_prepared")
        await asyncio.sleep(retry_s)


async def _prepared(pool: LinkerPool, store_url: str) -> bool:
    try:
        linker = await pool.take_warm()
    except (LinkerGoneError, TimeoutError):
        return False
    try:
        linker.tell(PrepareStore(store_url=store_url))
        await linker.expect(StorePrepared, PREPARE_S)
    except (LinkerGoneError, TimeoutError):
        await linker.end()
        return False
    except asyncio.CancelledError:
        await linker.end()
        raise
    await pool.put_back(linker)
    return True
