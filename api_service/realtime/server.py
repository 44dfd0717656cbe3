"""The Socket.IO server: one per process, without a message queue behind it.

Every process hears every event from Redis by itself and relays it to its own sockets, so a page
gets exactly one copy.
"""

import asyncio
import contextlib
import logging
from typing import Final

import socketio

from api_service.realtime.gate import MAX_PACKET_BYTES
from api_service.realtime.origins import AllowedOrigins
from api_service.realtime.relay import NAMESPACE

PATH: Final = "socket.io"
PING_INTERVAL_S: Final = 15
PING_TIMEOUT_S: Final = 10
RELEASE_S: Final = 1.0


def make_server(origins: AllowedOrigins) -> socketio.AsyncServer:
    """Loggers are given, or the library would write to stderr past our masking."""
    logging.getLogger("engineio").addFilter(_is_no_refusal)
    return socketio.AsyncServer(
        async_mode="asgi",
        namespaces=[NAMESPACE],
        always_connect=True,
        async_handlers=False,
        cors_allowed_origins=origins,
        cors_credentials=False,
        max_http_buffer_size=MAX_PACKET_BYTES,
        ping_interval=PING_INTERVAL_S,
        ping_timeout=PING_TIMEOUT_S,
        logger=logging.getLogger("socketio"),
        engineio_logger=logging.getLogger("engineio"),
    )


def _is_no_refusal(record: logging.LogRecord) -> bool:
    """The engine logs the first of a kind, with what the client sent; the gate logs each."""
    return "further occurrences of this error" not in str(record.msg)


def rooms(server: socketio.AsyncServer) -> int:
    """Rooms in the namespace but the one of all: each page has one, each salon with pages one."""
    return max(0, len(server.manager.rooms.get(NAMESPACE, {})) - 1)


async def release(server: socketio.AsyncServer) -> None:
    """Close every transport, so that pages connect again by themselves, elsewhere.

    A page that is told to leave the namespace would stay away.
    """
    if server.eio.sockets:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RELEASE_S):
                await server.eio.disconnect()
