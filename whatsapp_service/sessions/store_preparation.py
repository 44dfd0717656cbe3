"""The library's tables, created or upgraded once, by one process alone."""

import asyncio
from typing import Final

import structlog

from shared.db import Pool, measure_latency_ms
from whatsapp_service.gateway.linker_protocol import PrepareStore, StorePrepared
from whatsapp_service.sessions.linker import LinkerGoneError
from whatsapp_service.sessions.linker_pool import LinkerPool

_log = structlog.get_logger(__name__)

PREPARE_S: Final = 60.0


LOOK_AGAIN_S: Final = 2.0
TRY_AGAIN_S: Final = 15.0


async def prepare_store(pool: LinkerPool, credentials: Pool, store_url: str) -> None:
    """Until it is done: Postgres may be away.

    In a linker process, because the library keeps the connection it used for this; and only when
    the store answers, because a process costs half a second of a core.
    """
    while True:
        answers = await measure_latency_ms(credentials) is not None
        if answers and await _prepared(pool, store_url):
            return
        _log.warning("store_not_prepared", answers=answers)
        await asyncio.sleep(TRY_AGAIN_S if answers else LOOK_AGAIN_S)


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
