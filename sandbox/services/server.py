"""A server program as a child process: how it is started, told to stop and made sure to be gone."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from sandbox.services.account import OURS, Account
from sandbox.services.errors import SandboxError

TETHER = Path(__file__).with_name("tether.py")
POLL_INTERVAL_S = 0.02
KILL_TIMEOUT_S = 20.0
LEFTOVER_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class ServerCommand:
    """What to run and how to end it.

    `stop_signal` asks for a clean stop; `death_signal` is what the kernel sends when our own
    process is gone, however it went.
    """

    name: str
    argv: tuple[str, ...]
    log_path: Path
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    account: Account = OURS
    environment: Mapping[str, str] = field(default_factory=dict)


def tethered(
    argv: tuple[str, ...], death_signal: signal.Signals, account: Account = OURS
) -> list[str]:
    """Wrap `argv` so that it dies with this process. See `tether`."""
    ids = (os.getpid(), int(death_signal), account.uid, account.gid)
    program = shutil.which(argv[0]) or argv[0]
    return [sys.executable, "-I", "-S", str(TETHER), *map(str, ids), program, *argv[1:]]


class RunningServer:
    """One start of a `ServerCommand`."""

    def __init__(self, command: ServerCommand) -> None:
        self._command = command
        with open_log(command.log_path) as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                tethered(command.argv, command.death_signal, command.account),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", **command.environment},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_exited(self) -> bool:
        return self._process.poll() is not None

    def wait_ready(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        """Return when `is_ready()` holds; raise SandboxError when the server died or is late."""
        deadline = time.monotonic() + timeout_s
        while not is_ready():
            if self.has_exited:
                raise SandboxError(
                    f"{self._command.name} did not start: {last_complaint(self._command.log_path)}",
                    f"Its log is {self._command.log_path}.",
                )
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"{self._command.name} was not ready after {timeout_s:.0f} s.",
                    f"Its log is {self._command.log_path}.",
                )
            time.sleep(POLL_INTERVAL_S)

    def stop(self, timeout_s: float = 20.0) -> None:
        """End the server: asked first, killed after `timeout_s`. Harmless when it has ended."""
        if self._process.poll() is None:
            self._process.send_signal(self._command.stop_signal)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(KILL_TIMEOUT_S)


def wait_for_leftover(pid_file: Path, mark: str) -> None:
    """Return when the server that a killed run left, and that is just ending, is gone.

    It is the process that the file names, if `mark` is among its arguments. Raises SandboxError
    when it does not end.
    """
    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        if mark in process.cmdline():
            process.wait(LEFTOVER_TIMEOUT_S)
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        pass
    except psutil.TimeoutExpired as error:
        raise SandboxError(
            f"Another server (pid {error.pid}) still uses {mark}.", "Stop it, then try again."
        ) from None


def open_log(path: Path, *, append: bool = False) -> IO[bytes]:
    """Open a server's log, which may lie in a folder of another account: links are refused."""
    how = os.O_APPEND if append else os.O_TRUNC
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | how, 0o600)
    return os.fdopen(descriptor, "wb", buffering=0)


def last_complaint(log_path: Path) -> str:
    """Return the line of a server's log that says why it gave up, without time stamp and pid."""
    lines = [line for line in log_path.read_text(errors="replace").splitlines() if line.strip()]
    for mark in ("PANIC:", "FATAL:", "Fatal ", "Bad file format", "Could not"):
        for line in lines:
            if mark in line:
                return line[line.index(mark) :].strip()
    return lines[-1].strip() if lines else "it said nothing."
