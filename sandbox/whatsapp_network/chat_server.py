"""The loopback port that clients take for WhatsApp's chat server."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from sandbox.whatsapp_network.connection import Connection
from sandbox.whatsapp_network.faults import FaultKind
from sandbox.whatsapp_network.network import Network

CLOSE_DEADLINE_S: Final = 1.0

# Clients that are cut off within the opening handshake are part of the game.
_quiet = logging.getLogger("sandbox.whatsapp_network.websockets")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


@asynccontextmanager
async def listen(network: Network, listener: socket.socket) -> AsyncIterator[Server]:
    """Serve on a bound socket; at the end every client is cut off."""

    async def run(websocket: ServerConnection) -> None:
        await Connection(network, websocket).run()

    def admit(websocket: ServerConnection, _request: Request) -> Response | None:
        # The port stays taken, so that nobody else gets it meanwhile.
        if network.faults.active(FaultKind.UNREACHABLE, None):
            websocket.transport.abort()
        return None

    server = await serve(
        run,
        sock=listener,
        process_request=admit,
        compression=None,
        ping_interval=None,
        close_timeout=CLOSE_DEADLINE_S,
        max_size=1 << 24,
        logger=_quiet,
    )
    try:
        yield server
    finally:
        server.close()
        # Who has connected and said nothing is not waited for: the loop's end cuts that off.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * CLOSE_DEADLINE_S):
                await server.wait_closed()
