"""A wire to a server on loopback, which a test may cut for those who are connected by it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sandbox.services.ports import LOOPBACK, free_port

PIECE_BYTES = 65_536


class Wire:
    """Its port stays the same, and nobody's connection takes it meanwhile."""

    def __init__(self, port: int) -> None:
        self._outside = port
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._carries = asyncio.Event()
        self.port = free_port()

    async def mend(self) -> None:
        """What was held back in silence goes on its way."""
        self._carries.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)

    async def cut(self) -> None:
        """Connections are gone, and new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        clients = set(self._clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    def fall_silent(self) -> None:
        """As a firewall that drops packets: connections stay, and nothing comes through."""
        self._carries.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            await self._carries.wait()
            outside = await asyncio.open_connection(LOOPBACK, self._outside)
            await self._carry((reader, writer), outside)
        except (asyncio.CancelledError, OSError):
            # Only `cut` cancels; the server's own callback would report it as an error.
            pass
        finally:
            self._clients.discard(task)
            writer.transport.abort()

    async def _carry(
        self,
        inside: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        outside: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        ways = [
            asyncio.create_task(self._pour(inside[0], outside[1])),
            asyncio.create_task(self._pour(outside[0], inside[1])),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            outside[1].transport.abort()

    async def _pour(self, source: asyncio.StreamReader, drain: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(PIECE_BYTES):
                await self._carries.wait()
                drain.write(piece)
                await drain.drain()


@asynccontextmanager
async def wire_to(port: int) -> AsyncIterator[Wire]:
    wire = Wire(port)
    await wire.mend()
    try:
        yield wire
    finally:
        await wire.cut()
