"""A linker process: links one device and ends. `linker_start` is where it begins."""

import asyncio
import os
import socket
import sys
from collections.abc import Coroutine
from typing import Any, Final, NoReturn

import structlog

from shared.masking import hide
from shared.observability import configure_logging, log_what_nobody_caught
from shared.settings import LogSettings
from whatsapp_service.gateway.library import Library, load_library
from whatsapp_service.gateway.linker_protocol import (
    AskCode,
    Ended,
    PrepareStore,
    Ready,
    Report,
    Start,
    StorePrepared,
    decode_order,
)
from whatsapp_service.gateway.linking_client import LinkingClient
from whatsapp_service.gateway.store_schema import SchemaError, make_tables

_log = structlog.get_logger(__name__)

MAX_LIFE_S: Final = 300.0
"""A QR channel lasts 160 s and a first login 60 s; whatever lives longer has no use."""
MAX_LINE: Final = 65_536


class LinkerChild:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._client: LinkingClient | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Obey orders until the attempt is over or the parent is gone."""
        library = load_library()
        self._tell(Ready())
        while line := await self._reader.readline():
            order = decode_order(line)
            if isinstance(order, PrepareStore):
                await self._prepare_store(library, order.store_url)
            elif isinstance(order, Start):
                self._spawn(self._link(library, order), "link")
            elif isinstance(order, AskCode) and self._client is not None:
                self._spawn(self._client.give_code(order.request, order.phone), "code")

    async def _prepare_store(self, library: Library, store_url: str) -> None:
        hide([store_url])
        try:
            await asyncio.to_thread(make_tables, library, store_url)
        except SchemaError as error:
            _log.error("store_schema_refused", error=str(error))
            leave(1)
        self._tell(StorePrepared())
        await self._writer.drain()

    async def _link(self, library: Library, order: Start) -> None:
        hide([order.store_url, order.proxy_url])
        self._client = LinkingClient(library, order, self._tell)
        try:
            async with asyncio.timeout(MAX_LIFE_S):
                await self._client.run()
        except TimeoutError:
            self._tell(Ended(reason="failed"))
        await self._writer.drain()
        leave(0)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("linker_task_failed", task=task.get_name(), error=type(error).__name__)
            leave(1)

    def _tell(self, report: Report) -> None:
        self._writer.write(report.to_line())


def leave(status: int) -> NoReturn:
    """End at once: the library's threads and its atexit hooks would keep the process."""
    sys.stderr.flush()
    os._exit(status)


async def _obey(descriptor: int) -> None:
    connection = socket.socket(fileno=descriptor)
    reader, writer = await asyncio.open_connection(sock=connection, limit=MAX_LINE)
    await LinkerChild(reader, writer).run()


def main(descriptor: int) -> NoReturn:
    """``descriptor`` is one end of a socket pair; the WhatsApp process has the other."""
    configure_logging(LogSettings(), component="linker")
    log_what_nobody_caught()
    asyncio.run(_obey(descriptor))
    leave(0)
