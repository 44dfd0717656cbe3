"""The WhatsApp network in a box for tests: a process of its own, the patched client beside it."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from sandbox.whatsapp_network.control_client import ControlClient

ROOT: Final = Path(__file__).parents[2]
START_TIMEOUT_S: Final = 15.0
STOP_TIMEOUT_S: Final = 10.0


class WhatsAppNetwork:
    """A running network. `stop` and `start` keep phones, links, ports and root key.

    Put `pythonpath` first on a subprocess's PYTHONPATH: its neonize talks to this network.
    """

    control: ControlClient
    chat_port: int
    pythonpath: Path
    root_public_key: bytes

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._control = AsyncExitStack()

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sandbox.whatsapp_network",
            f"--data-dir={self._folder / 'data'}",
            f"--client-library={self._folder / 'client'}",
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout
        async with asyncio.timeout(START_TIMEOUT_S):
            line = await self._process.stdout.readline()
        if not line:
            pytest.fail(f"the network ended with {await self._process.wait()}")
        ready = json.loads(line)
        self.chat_port = ready["chat_port"]
        self.pythonpath = Path(ready["client_library"])
        self.root_public_key = bytes.fromhex(ready["root_public_key"])
        self.control = await self._control.enter_async_context(ControlClient(ready["control_url"]))

    async def stop(self) -> None:
        """Shut it down as an operator does; do nothing when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        await self._control.aclose()
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(STOP_TIMEOUT_S):
            code = await process.wait()
        assert code == 0, f"the network ended with {code}"

    @property
    def environment(self) -> dict[str, str]:
        """What a subprocess that imports neonize must add to its environment."""
        inherited = os.environ.get("PYTHONPATH")
        return {"PYTHONPATH": os.pathsep.join(filter(None, (str(self.pythonpath), inherited)))}

    async def assert_understood(self) -> None:
        """Fail when a client said something that the network has no answer to."""
        unknown = await self.control.unknown_stanzas()
        assert not unknown, "\n".join(f"{each.reason}\n{each.xml}" for each in unknown)


@asynccontextmanager
async def run_whatsapp_network() -> AsyncIterator[WhatsAppNetwork]:
    """Start a network on free ports with nothing in it; its folder goes away at the end.

    At the end fails when the network met a stanza it does not understand.
    """
    with tempfile.TemporaryDirectory(prefix="ai-admin-test-network-") as folder:
        network = WhatsAppNetwork(Path(folder))
        await network.start()
        try:
            yield network
            await network.assert_understood()
        finally:
            await network.stop()


@pytest.fixture
async def whatsapp_network() -> AsyncIterator[WhatsAppNetwork]:
    async with run_whatsapp_network() as network:
        yield network
