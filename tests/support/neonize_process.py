"""A bare neonize client in a process of its own: what the network is tried with."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.waiting import wait_until

EVENT_TIMEOUT_S: Final = 20.0
STOP_TIMEOUT_S: Final = 10.0

Event = dict[str, Any]


class NeonizeProcess:
    """The test's end of it. Events have a `kind`: `qr`, `code`, `status` or an event's name."""

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
        """Ask for a pairing code, as soon as the client can; return `code` or `code_error`."""
        await self.command(pair=number)
        return await self.next("code", "code_error")

    async def follow(self, events: asyncio.StreamReader) -> None:
        async for line in events:
            self._events.append(json.loads(line))

    async def end(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await self._process.wait()

    async def stop(self) -> None:
        """End the session in good order."""
        await self.command(stop=True)
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await self._process.wait()

    def _find(self, kinds: tuple[str, ...]) -> int | None:
        unread = range(self._read, len(self._events))
        return next((index for index in unread if self._events[index]["kind"] in kinds), None)


@asynccontextmanager
async def run_neonize(environment: dict[str, str], store: Path) -> AsyncIterator[NeonizeProcess]:
    """Connect a client with an SQLite store; the process is gone at the end."""
    receiving, sending = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.support.neonize_client",
            str(store),
            str(sending),
            cwd=Path(__file__).parents[2],
            env={**os.environ, **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(sending,),
        )
    finally:
        os.close(sending)
    events = asyncio.StreamReader()
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(events), os.fdopen(receiving, "rb")
    )
    neonize = NeonizeProcess(process)
    following = asyncio.create_task(neonize.follow(events), name="neonize-events")
    try:
        yield neonize
    finally:
        await neonize.end()
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await following
        pipe.close()
