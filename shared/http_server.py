"""An HTTP server inside a process that has other work and handles its own signals."""

import contextlib
import socket
import sys
from collections.abc import Iterator
from typing import Final

import uvicorn

KEEP_ALIVE_S: Final = 75
"""Idle connections are closed by the side that sends requests (nginx after 60 s, httpx after 5 s).
If we closed one first (uvicorn's 5 s), a request sent in that instant would be lost, and a POST is
not repeated."""


class Server(uvicorn.Server):
    """The process's signals are ours: it stops its own work before the server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(variables: str, host: str, port: int) -> socket.socket:
    """A taken port or a foreign address ends the process with one line naming ``variables``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without the protocol asyncio leaves Nagle's delay on: 40 ms for a second small frame.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        sys.stderr.write(f"{variables}: cannot listen on {host}:{port}: {error.strerror}\n")
        raise SystemExit(1) from None
    return listener
