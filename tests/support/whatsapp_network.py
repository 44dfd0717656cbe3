"""The WhatsApp network in a box for tests: a process of its own, the patched client beside it."""

import asyncio
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from sandbox.whatsapp_network.control_client import ControlClient

ROOT: Final = Path(__file__).parents[2]
START_TIMEOUT_S: Final = 90.0
STOP_TIMEOUT_S: Final = 60.0
ANSWER_S: Final = 25.0
"""For a client on a busy machine to answer the network; who acts on it waits for 30 s."""
LAST_WORDS_S: Final = 1.0
"""A client that stands still and finds its end beside the reason for it may miss the reason."""
TROUBLE: Final = ("Traceback", "[error")


class NetworkProcess:
    """`stop` and `start` keep phones, links, ports and root key, as a restart of the demo does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log_path = folder / "network.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}

    def start(self) -> None:
        """Return when both ports listen and the client library is there."""
        command = [sys.executable, "-m", "sandbox.whatsapp_network"]
        folders = [f"--data-dir={self.folder}", f"--client-library={self.folder / 'client'}"]
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                [*command, *folders], cwd=ROOT, stdout=subprocess.PIPE, stderr=log
            )
        self.ready = json.loads(self._ready_line(self._process))

    def ensure_started(self) -> None:
        """Start it when a test has stopped it; fail when it ended by itself."""
        process = self._process
        if process is not None and process.poll() is not None:
            self._process = None
            pytest.fail(f"the network ended with {process.returncode}:\n{self.log()}")
        if process is None:
            self.start()

    def stop(self) -> None:
        """Shut it down in good order; nothing to do when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        with process:
            code = process.wait(STOP_TIMEOUT_S)
        assert code == 0, f"the network ended with {code}:\n{self.log()}"

    def log(self) -> str:
        return self._log_path.read_text()

    def _ready_line(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout
        readable, _, _ = select.select([process.stdout], [], [], START_TIMEOUT_S)
        line = process.stdout.readline() if readable else b""
        if not line:
            process.kill()
            pytest.fail(f"the network did not start:\n{self.log()}")
        return line


class WhatsAppNetwork:
    """A running network, and how to act on it.

    Put `pythonpath` first on a subprocess's PYTHONPATH: its neonize talks to this network.
    """

    def __init__(self, process: NetworkProcess, control: ControlClient) -> None:
        self._process = process
        self.control = control
        self.chat_port: int = process.ready["chat_port"]
        self.pythonpath = Path(process.ready["client_library"])
        self.root_public_key = bytes.fromhex(process.ready["root_public_key"])

    @property
    def environment(self) -> dict[str, str]:
        """What a subprocess that imports neonize must have in its environment."""
        inherited = os.environ.get("PYTHONPATH")
        return {"PYTHONPATH": os.pathsep.join(filter(None, (str(self.pythonpath), inherited)))}

    async def stop(self) -> None:
        await asyncio.to_thread(self._process.stop)

    async def start(self) -> None:
        """Start again after `stop`, on the same ports."""
        ports = self._process.ready
        await asyncio.to_thread(self._process.start)
        assert self._process.ready == ports

    async def assert_understood(self) -> None:
        """Fail when a client said something that the network has no answer to."""
        unknown = await self.control.unknown_stanzas()
        assert not unknown, "\n".join(f"{each.reason}\n{each.xml}" for each in unknown)


@pytest.fixture(scope="session")
def whatsapp_network_process() -> Iterator[NetworkProcess]:
    """Run one network for all tests; they take `whatsapp_network`, which is as new."""
    with tempfile.TemporaryDirectory(prefix="ai-admin-test-network-") as folder:
        process = NetworkProcess(Path(folder))
        process.start()
        try:
            yield process
        finally:
            process.stop()


@pytest.fixture
async def whatsapp_network(
    whatsapp_network_process: NetworkProcess,
) -> AsyncIterator[WhatsAppNetwork]:
    """Give a network with nothing on it.

    At the end fails when the network met a stanza it does not understand or an error of its own.
    """
    process = whatsapp_network_process
    process.ensure_started()
    logged = len(process.log())
    async with ControlClient(process.ready["control_url"]) as control:
        await control.forget_everything()
        await control.change_settings(
            request_deadline_s=ANSWER_S, handshake_deadline_s=ANSWER_S, close_delay_s=LAST_WORDS_S
        )
        network = WhatsAppNetwork(process, control)
        yield network
        process.ensure_started()
        await network.assert_understood()
    log = process.log()[logged:]
    assert not any(trouble in log for trouble in TROUBLE), log
