"""``make run`` as a subprocess: the whole system in a folder and on ports of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from sandbox.services.ports import free_port
from tests.support.places import open_folder
from tests.support.processes import ServiceProcess, Starter
from tests.support.waiting import block_until

READY_S: Final = 100.0


class Run:
    """One data folder with ports of its own; `start` it as often as you like."""

    def __init__(self, folder: Path, start: Starter) -> None:
        self.folder = folder
        self.ports = {
            name: free_port() for name in ("API_PORT", "PORTAL_PORT", "PHONE_PORT", "WHATSAPP_PORT")
        }
        self._start = start

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[f'{name}_PORT']}"

    def begin(self, **changes: str) -> ServiceProcess:
        variables = {
            "AIADMIN_DATA_DIR": str(self.folder),
            # What a developer has set wins: here it is what the run itself would set.
            "YCLIENTS_URL": self.url("PORTAL"),
            **{name: str(port) for name, port in self.ports.items()},
        }
        return self._start("sandbox.run", {**variables, **changes})

    def ready(self) -> ServiceProcess:
        """Start and return when it says that it is ready."""
        process = self.begin()
        block_until(
            lambda: "is ready" in process.log or process.returncode is not None, READY_S, "ready"
        )
        assert process.returncode is None, process.log
        return process

    def refusal(self, **changes: str) -> str:
        """Start, and return the one line with which it refuses."""
        process = self.begin(**changes)
        code = process.wait_exit(READY_S)
        lines = [line for line in process.log.splitlines() if line.startswith("ai-admin: ")]
        assert code == 1
        assert len(lines) == 1, process.log
        assert "Traceback" not in process.log
        return lines[0]


@pytest.fixture
def run(start_process: Starter) -> Iterator[Run]:
    """The whole system, not started yet."""
    with open_folder("run") as place:
        yield Run(place / "var", start_process)
