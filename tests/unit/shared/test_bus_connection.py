"""What a client of Redis may meet, on the event loop of the API process."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
import uvloop

from shared.bus.connection import BusError, connect_redis

AT_ONCE = 100
TIMES = 5
"""One in a hundred meets the moment in which uvloop raises a RuntimeError."""


@pytest.fixture
def resetting_server() -> Iterator[int]:
    """A port whose connections are reset as soon as they are made."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        resetting = threading.Thread(target=_reset_all, args=(server,))
        resetting.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        resetting.join()


def _reset_all(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


def test_a_reset_at_any_moment_is_an_error_of_the_bus(resetting_server: int) -> None:
    async def ask() -> set[type]:
        redis = connect_redis(f"redis://127.0.0.1:{resetting_server}/0")
        met = [
            type(answer)
            for _ in range(TIMES)
            for answer in await asyncio.gather(
                *(redis.ping() for _ in range(AT_ONCE)), return_exceptions=True
            )
        ]
        await redis.aclose()
        return set(met)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        met = runner.run(ask())
    assert all(issubclass(error, BusError) for error in met), met
