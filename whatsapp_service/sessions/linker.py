"""The parent's end of one linker process."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Final

import structlog

from whatsapp_service.gateway.linker_protocol import Order, Ready, Report, decode_report

_log = structlog.get_logger(__name__)

START_S: Final = 30.0
END_S: Final = 5.0
MAX_LINE: Final = 65_536
MODULE: Final = "whatsapp_service.gateway.linker_start"


class LinkerGoneError(Exception):
    """The linker process ended, or could not start."""


class Linker:
    """One child process. It is told what to do, reports, and is killed when no longer needed.

    Killing is always right: what must last is in Postgres before it is reported.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls) -> "Linker":
        """Returns when the child has loaded the library. Raises LinkerGoneError."""
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise LinkerGoneError(type(error).__name__) from error
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                MODULE,
                str(theirs.fileno()),
                str(os.getpid()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise LinkerGoneError(type(error).__name__) from error
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours, limit=MAX_LINE)
        linker = cls(process, reader, writer)
        try:
            async with asyncio.timeout(START_S):
                await linker._expect(Ready)
        except (TimeoutError, asyncio.CancelledError, LinkerGoneError):
            await linker.end()
            raise
        return linker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    def tell(self, order: Order) -> None:
        """Never waits; an order to a dead child is lost, and its end shows in `reports`."""
        if not self._writer.is_closing():
            self._writer.write(order.to_line())

    async def reports(self) -> AsyncIterator[Report]:
        """Everything the child reports, until it is gone."""
        with contextlib.suppress(ConnectionError, ValueError):
            while line := await self._reader.readline():
                yield decode_report(line)

    def interrupt(self) -> None:
        """Kill without waiting: `reports` ends as soon as the child is gone."""
        with contextlib.suppress(ProcessLookupError):
            if self.alive:
                os.killpg(self._process.pid, signal.SIGKILL)

    async def expect(self, kind: type[Report], timeout_s: float) -> None:
        """Raises TimeoutError, LinkerGoneError."""
        async with asyncio.timeout(timeout_s):
            await self._expect(kind)

    async def end(self) -> None:
        """Kill, and wait until the process and its connections are really gone. Idempotent."""
        self.interrupt()
        self._writer.close()
        try:
            await asyncio.wait_for(self._process.wait(), END_S)
        except TimeoutError:
            _log.error("linker_will_not_die", pid=self._process.pid)

    async def _expect(self, kind: type[Report]) -> None:
        async for report in self.reports():
            if isinstance(report, kind):
                return
        raise LinkerGoneError
