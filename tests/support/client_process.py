"""A WhatsApp client in a process of its own that tells what happens as JSON lines."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from tests.support.waiting import wait_until

EVENT_TIMEOUT_S: Final = 45.0
"""A library that cannot connect waits longer each time before it tries again."""
STOP_TIMEOUT_S: Final = 30.0

Event = dict[str, Any]


class ClientProcess:
    """The test's end of it. Every event has a `kind`. The process leads a group of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._events: list[Event] = []
        self._read = 0

    async def next(self, *kinds: str, timeout_s: float = EVENT_TIMEOUT_S) -> Event:
        """Return the next event of these kinds, in order; those before it are passed over."""
        await wait_until(lambda: self._find(kinds) is not None, timeout_s, "/".join(kinds))
        index = self._find(kinds)
        assert index is not None
        self._read = index + 1
        return self._events[index]

    def kinds(self) -> list[str]:
        """Everything that has happened so far."""
        return [event["kind"] for event in self._events]

    async def command(self, **command: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()

    async def ask_code(self, number: str) -> Event:
        """Ask for a pairing code; return `code` or `code_error`."""
        await self.command(pair=number)
        return await self.next("code", "code_error")

    async def stop(self) -> None:
        """End the session in good order."""
        await self.command(stop=True)
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await self._process.wait()

    async def end(self) -> None:
        """Kill the process, as a crash does; nothing to do when it is gone.

        With all of its group: where Node.js comes from PyPI, the process is only its launcher.
        """
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await self._process.wait()

    async def read(self, output: asyncio.StreamReader) -> None:
        async for line in output:
            if line.endswith(b"\n"):  # else it was killed in the middle of a word
                self._events.append(json.loads(line))

    def _find(self, kinds: tuple[str, ...]) -> int | None:
        unread = range(self._read, len(self._events))
        return next((index for index in unread if self._events[index]["kind"] in kinds), None)


@asynccontextmanager
async def follow(
    process: asyncio.subprocess.Process, output: asyncio.StreamReader
) -> AsyncIterator[ClientProcess]:
    """Read what the process tells; at the end it is gone."""
    client = ClientProcess(process)
    reading = asyncio.create_task(client.read(output), name="client-events")
    try:
        yield client
    finally:
        await client.end()
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await reading
