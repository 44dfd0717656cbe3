"""A Redis-protocol server and a Postgres of a test's own, which it may kill."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from sandbox.services import postgres, valkey
from sandbox.services.server import RunningServer


@dataclass
class OwnServer:
    """Comes back on the same port."""

    start_one: Callable[[], RunningServer]
    server: RunningServer = field(init=False)

    async def start(self) -> None:
        self.server = await asyncio.to_thread(self.start_one)

    async def kill(self) -> None:
        """As a power cut: SIGKILL for it and all its children."""
        await asyncio.to_thread(self._kill)

    async def stop(self) -> None:
        await asyncio.to_thread(self.server.stop)

    def _kill(self) -> None:
        process = psutil.Process(self.server.pid)
        family = [process, *process.children(recursive=True)]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        self.server.stop()
        psutil.wait_procs(family, timeout=5)


def own_valkey(setup: valkey.ValkeySetup) -> OwnServer:
    return OwnServer(lambda: valkey.start(setup))


def own_postgres(setup: postgres.PostgresSetup) -> OwnServer:
    return OwnServer(lambda: postgres.start(setup))
