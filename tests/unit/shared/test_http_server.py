"""The sockets of our servers."""

import asyncio
import socket

from shared.http_server import listen
from tests.support.waiting import PATIENCE_S


async def test_small_frames_leave_at_once() -> None:
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        accepted.set_result(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = listen("PORT", "127.0.0.1", 0)
    server = await asyncio.start_server(note, sock=listener)
    async with server:
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await asyncio.wait_for(accepted, PATIENCE_S)
        writer.close()
        await writer.wait_closed()
