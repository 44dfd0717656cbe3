"""The library's tables, created or upgraded once, by one process alone."""

import asyncio
from typing import Final

import structlog

from whatsapp_service.gateway.linker_protocol import PrepareStore, StorePrepared
from whatsapp_service.sessions.linker import LinkerGoneError
from whatsapp_service.sessions.linker_pool import one_linker

_log = structlog.get_logger(__name__)

PREPARE_S: Final = 60.0


async def prepare_store(store_url: str, *, retry_s: float) -> None:
    """Until it is done: Postgres may be away.

    In a process of its own, because the library keeps the connection it used for this.
    """
    while True:
        try:
            async with one_linker() as linker:
                linker.tell(PrepareStore(store_url=store_url))
                await linker.expect(StorePrepared, PREPARE_S)
        except (LinkerGoneError, TimeoutError) as error:
            _log.warning("store_not_prepared", error=type(error).__name__)
            await asyncio.sleep(retry_s)
        else:
            return
