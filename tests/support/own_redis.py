"""A Redis-protocol server of a test's own, and what may happen to it."""

import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from sandbox.services.ports import free_port
from sandbox.services.valkey import ValkeySetup
from tests.support.own_servers import OwnServer, own_valkey
from tests.support.places import open_folder


@dataclass
class OwnRedis:
    setup: ValkeySetup
    server: OwnServer

    @property
    def written(self) -> int:
        """Bytes of its append-only file; it is not rewritten in a test."""
        return self._append_only_file.stat().st_size

    def lose_what_came_after(self, written: int) -> None:
        """As a power cut would, of a server that does not run."""
        with self._append_only_file.open("r+b") as file:
            file.truncate(written)

    def forget(self) -> None:
        """All of it, of a server that does not run."""
        shutil.rmtree(self.setup.folder / "appendonlydir")

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """It keeps its connections and answers nothing."""
        process = psutil.Process(self.server.server.pid)
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    @property
    def _append_only_file(self) -> Path:
        [path] = self.setup.folder.glob("appendonlydir/*.incr.aof")
        return path


@contextlib.asynccontextmanager
async def running_own_redis() -> AsyncIterator[OwnRedis]:
    with open_folder("own-valkey") as folder:
        setup = ValkeySetup(folder / "valkey", free_port())
        server = own_valkey(setup)
        await server.start()
        try:
            yield OwnRedis(setup, server)
        finally:
            await server.stop()


@pytest.fixture
async def own_redis() -> AsyncIterator[OwnRedis]:
    async with running_own_redis() as own_redis:
        yield own_redis


@pytest.fixture
def redis_url(own_redis: OwnRedis) -> str:
    """In place of the server that tests share."""
    return own_redis.setup.url()
