"""A server on loopback that answers as it is told, down to the bytes: what no honest one does."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

HTML: Final = "<!doctype html><title>Подождите</title>"


@dataclass(frozen=True)
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: Any


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


def answer(
    status: int,
    content: object = "",
    *,
    content_type: str = "application/json",
    headers: tuple[str, ...] = (),
) -> Script:
    """``content``: text as it is, anything else as JSON."""
    body = (content if isinstance(content, str) else json.dumps(content)).encode()
    lines = (
        f"HTTP/1.1 {status} Reason",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *headers,
    )

    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return say


def success(data: object) -> Script:
    return answer(200, {"success": True, "data": data, "meta": {}})


def refusal(status: int, message: str) -> Script:
    return answer(status, {"success": False, "data": None, "meta": {"message": message}})


async def reset(writer: asyncio.StreamWriter) -> None:
    """After the request was read."""
    writer.transport.abort()


async def hang(_writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def half(writer: asyncio.StreamWriter) -> None:
    """An answer that ends before it is whole."""
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"
    )
    await writer.drain()
    writer.close()


@dataclass
class ScriptedYclients:
    """``script`` is played step by step; the last step is played for ever."""

    script: list[Script] = field(default_factory=lambda: [success({})])
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def will(self, *script: Script) -> None:
        self.script = list(script)
        self.asked.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(EOFError, ConnectionError):
            while True:
                self.asked.append(await _read(reader))
                step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                await step(writer)


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = {
        name.casefold(): value.strip()
        for name, _, value in (line.partition(":") for line in lines if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, target, headers, json.loads(body) if body else None)


@contextlib.asynccontextmanager
async def scripted_yclients(
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[ScriptedYclients]:
    served: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
    scripted = ScriptedYclients()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served[asyncio.create_task(scripted.serve(reader, writer))] = writer

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    scripted.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield scripted
    finally:
        server.close()
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)
        for writer in served.values():
            writer.transport.abort()  # also of one that was cancelled before it began
        await asyncio.sleep(0)  # closed connections are let go in the loop's next round
