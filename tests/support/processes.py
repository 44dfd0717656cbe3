"""The project's own processes as subprocesses: real environment, real signals, captured logs."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx2
import psutil
import pytest

from sandbox.services.loopback import NOBODY
from tests.support.waiting import PATIENCE_S, block_until

ROOT: Final = Path(__file__).parents[2]
START_TIMEOUT_S: Final = 90.0
STOP_TIMEOUT_S: Final = 60.0
KEPT_VARIABLES: Final = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONDONTWRITEBYTECODE")
NOWHERE: Final = "http://127.0.0.1:9"
"""Refuses every connection: tests that want a YClients start one of the sandbox."""
DEFAULTS: Final = {
    "PYTHONUNBUFFERED": "1",
    "YCLIENTS_URL": NOWHERE,
    "ENCRYPTION_KEYS": "test-encryption-key-0123456789-abcdefg",
}


class ServiceProcess:
    """``python -m <module>`` in a session of its own, with nothing inherited but PATH and such."""

    def __init__(
        self, module: str, environment: Mapping[str, str], log_path: Path, *arguments: str
    ) -> None:
        inherited = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        self.log_path = log_path
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env={**inherited, **DEFAULTS, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; minus the signal's number when one ended it."""
        return self._process.poll()

    @property
    def log(self) -> str:
        """Everything it has written to standard output and error so far."""
        return self.log_path.read_text(errors="replace")

    def log_events(self) -> list[dict[str, Any]]:
        """The lines of the log that are JSON objects, decoded; the last may not be whole yet."""
        whole = self.log.rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def wait_healthy(self, url: str, timeout_s: float = START_TIMEOUT_S) -> None:
        """Return when `url` answers 200. Fails at once, with the log, when the process ends."""

        def healthy() -> bool:
            if self.returncode is not None:
                pytest.fail(f"process ended with {self.returncode}:\n{self.log}")
            try:
                return http.get(url).status_code == httpx2.codes.OK
            except httpx2.TransportError:
                return False

        try:
            with httpx2.Client(timeout=5, trust_env=False, verify=NOBODY) as http:
                block_until(healthy, timeout_s, url)
        except TimeoutError as error:
            pytest.fail(f"{error}; its log:\n{self.log}")

    def wait_listening(self, url: str, *channels: str) -> None:
        """Return when it hears all of them, by the metrics at ``url``."""
        wanted = [f'bus_subscribed{{channel="{channel}"}} 1.0' for channel in channels]

        def listens() -> bool:
            text = http.get(f"{url}/metrics").text
            return all(line in text for line in wanted)

        with httpx2.Client(timeout=PATIENCE_S, trust_env=False, verify=NOBODY) as http:
            block_until(listens, what=f"{channels} are listened to")

    def wait_exit(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Return the exit code. Fails, with the log, when the process has not ended by then."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"process has not ended within {timeout_s} s; its log:\n{self.log}")

    def terminate(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Ask it to end (SIGTERM); see `wait_exit`."""
        return self.signal(signal.SIGTERM).wait_exit(timeout_s)

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL): it alone, not its children."""
        self.signal(signal.SIGKILL).wait_exit()

    def signal(self, number: signal.Signals) -> "ServiceProcess":
        if self.returncode is None:
            self._process.send_signal(number)
        return self

    def session_members(self) -> list[psutil.Process]:
        """The processes, itself among them, that live in its session: what it has left behind."""
        return [process for process in psutil.process_iter() if _session_of(process) == self.pid]

    def clean_up(self) -> None:
        """End it and everything of its session, whatever the test has left."""
        if self.returncode is None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)
        for process in self.session_members():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def _session_of(process: psutil.Process) -> int | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else os.getsid(process.pid)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return None


Starter = Callable[..., ServiceProcess]


@pytest.fixture
def start_process(tmp_path: Path) -> Iterator[Starter]:
    """Call with a module's name and its environment; everything started ends with the test."""
    started: list[ServiceProcess] = []

    def start(module: str, environment: Mapping[str, str], *arguments: str) -> ServiceProcess:
        log_path = tmp_path / f"{len(started)}-{module}.log"
        process = ServiceProcess(module, environment, log_path, *arguments)
        started.append(process)
        return process

    yield start
    for process in started:
        process.clean_up()
