"""The proxy's port: who may pass, how many at once, what was carried, and trouble on demand."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from sandbox.proxy import http_dialect, socks5_dialect
from sandbox.proxy.dialect import Credentials, Gate, Refusal, RefusedError, Stream, Target
from sandbox.services.ports import LOOPBACK, free_port

HANDSHAKE_S: Final = 10.0
DIAL_S: Final = 5.0
CLIENTS_MAX: Final = 500
LINGER_S: Final = 2.0
PIECE_BYTES: Final = 65_536


class ProxyFault(StrEnum):
    """`HANGS` accepts and says nothing; for a proxy that is dead, `stop` it."""

    HANGS = "hangs"
    REFUSES_CREDENTIALS = "refuses_credentials"
    FORBIDS = "forbids"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"


@dataclass
class Carried:
    """`tunnels` counts connections to the outside that were really opened."""

    accepted: int = 0
    tunnels: int = 0
    refused: int = 0
    targets: list[str] = field(default_factory=list)


class ProxyServer:
    """Speaks SOCKS5 to whoever begins with its version byte, HTTP to the rest.

    The port stays the same over `stop` and `start`.
    """

    def __init__(self, credentials: Credentials | None = None, port: int = 0) -> None:
        self._credentials = credentials
        self._port = port
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.fault: ProxyFault | None = None
        self.carried = Carried()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        return self._port

    @property
    def open_now(self) -> int:
        return len(self._clients)

    def url(self, scheme: str, credentials: Credentials | None = None) -> str:
        """The address for a client's settings, with the right credentials or with others."""
        shown = credentials or self._credentials
        user = f"{quote(shown.user, '')}:{quote(shown.password, '')}@" if shown else ""
        return f"{scheme}://{user}{LOOPBACK}:{self._port}"

    async def start(self) -> None:
        # A port of the system's choice may be an outgoing connection's by the next start.
        self._port = self._port or free_port()
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self._port)

    async def stop(self) -> None:
        """Be dead: nobody listens, and what was carried is cut."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.drop()

    async def drop(self) -> None:
        """Cut everything that is being carried."""
        clients = dict(self._clients)
        for task, writer in clients.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._clients) >= CLIENTS_MAX:
            writer.transport.abort()
            return
        self._clients[task] = writer
        self.carried.accepted += 1
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            # Only `drop` cancels; the server's own callback would report it as an error.
            pass
        except (OSError, TimeoutError, EOFError, ValueError):
            pass
        finally:
            del self._clients[task]
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault is ProxyFault.HANGS:
            while await reader.read(PIECE_BYTES):
                pass
            return
        async with asyncio.timeout(HANDSHAKE_S):
            first = await reader.readexactly(1)
            dialect = socks5_dialect if first == socks5_dialect.VERSION else http_dialect
            try:
                outside = await dialect.open_tunnel(first, reader, writer, self._gate())
            except RefusedError:
                self.carried.refused += 1
                outside = None
            await writer.drain()
        if outside is None:
            await _hang_up(writer)
        else:
            await _carry((reader, writer), outside)

    def _gate(self) -> Gate:
        refuses = self.fault is ProxyFault.REFUSES_CREDENTIALS
        return Gate(self._check, self._dial, bool(self._credentials) or refuses)

    def _check(self, shown: Credentials | None) -> None:
        refuses = self.fault is ProxyFault.REFUSES_CREDENTIALS
        if refuses or (self._credentials is not None and shown != self._credentials):
            raise RefusedError(Refusal.CREDENTIALS)

    async def _dial(self, target: Target) -> Stream:
        self.carried.targets.append(f"{target.host}:{target.port}")
        if self.fault is ProxyFault.FORBIDS:
            raise RefusedError(Refusal.FORBIDDEN)
        if self.fault is ProxyFault.UPSTREAM_UNREACHABLE:
            raise RefusedError(Refusal.UPSTREAM)
        try:
            async with asyncio.timeout(DIAL_S):
                outside = await asyncio.open_connection(target.host, target.port)
        except (OSError, TimeoutError) as error:
            raise RefusedError(Refusal.UPSTREAM) from error
        self.carried.tunnels += 1
        return outside


async def _carry(inside: Stream, outside: Stream) -> None:
    """Both ways, until either side ends; what the other still says meanwhile is carried, too."""
    try:
        ways = [
            asyncio.create_task(_pour(inside[0], outside[1])),
            asyncio.create_task(_pour(outside[0], inside[1])),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(ways, timeout=LINGER_S)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
    finally:
        outside[1].transport.abort()


async def _pour(source: asyncio.StreamReader, drain: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(PIECE_BYTES):
            drain.write(piece)
            await drain.drain()
        drain.write_eof()


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Close so that the last words still arrive."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
