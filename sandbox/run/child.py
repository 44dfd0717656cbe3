"""One program kept running: its output relayed, started anew when it ends unasked, stopped."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from sandbox.run.terminal import Terminal
from sandbox.services.account import OURS, Account
from sandbox.services.server import ServerCommand, open_log, tethered

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
SETTLED_AFTER_S: Final = 20.0
OUTPUT_TIMEOUT_S: Final = 5.0
CHUNK: Final = 65536


@dataclass(frozen=True)
class ChildSpec:
    """What to run. `environment` is all of it; output goes to the terminal, or to `log_path`.

    With `announces`, the first line is for us and not shown. Children of a higher tier are stopped
    before those of a lower one, which they need.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    tier: int
    stop_timeout_s: float
    cwd: Path = Path("/")
    log_path: Path | None = None
    announces: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    account: Account = OURS

    @classmethod
    def of_server(cls, command: ServerCommand, *, tier: int, stop_timeout_s: float) -> "ChildSpec":
        return cls(
            name=command.name,
            argv=command.argv,
            environment={"PATH": os.defpath, "LC_ALL": "C", **command.environment},
            tier=tier,
            stop_timeout_s=stop_timeout_s,
            log_path=command.log_path,
            stop_signal=command.stop_signal,
            death_signal=command.death_signal,
            account=command.account,
        )


class Child:
    """`keep_running` is its task; `stop` ends it.

    Until `settled` is set, its end is final: `exit_code` then says how. Afterwards it is started
    anew, at once at first, then with pauses that double up to half a minute.
    """

    def __init__(self, spec: ChildSpec, terminal: Terminal) -> None:
        self.spec = spec
        self.settled = False
        self.first_line: bytes | None = None
        self.exit_code: int | None = None
        self.starts = 0
        self._terminal = terminal
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the running process, None in a pause or after the end."""
        return self._process.pid if self._process else None

    async def keep_running(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = 0.0
        try:
            while True:
                started = loop.time()
                self.exit_code = await self._run_once()
                if self._stopping.is_set() or not self.settled:
                    return
                lived_s = loop.time() - started
                pause_s = next_pause_s(pause_s, lived_s)
                self._report(pause_s)
                if await self._stopped_within(pause_s):
                    return
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """Ask it to end, kill it after the spec's deadline; return when it is gone."""
        self._stopping.set()
        if self._process is not None:
            self._ask_to_end(self._process)
        try:
            await asyncio.wait_for(self._ended.wait(), self.spec.stop_timeout_s)
        except TimeoutError:
            self._terminal.say(f"{self.spec.name} did not stop in time and is killed.")
            self.kill()
            await self._ended.wait()

    def kill(self) -> None:
        """End it and its process group at once."""
        self._stopping.set()
        if self._process is not None:
            kill_group(self._process.pid)

    def _ask_to_end(self, process: asyncio.subprocess.Process) -> None:
        """Once; harmless when it has just ended.

        Not by `Process.send_signal`: that looks first whether it has ended, and so may take the
        exit code away from asyncio, which then says 255.
        """
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, self.spec.stop_signal)

    async def _run_once(self) -> int:
        self.starts += 1
        async with self._output() as output:
            process = self._process = await asyncio.create_subprocess_exec(
                *tethered(self.spec.argv, self.spec.death_signal, self.spec.account),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self.spec.cwd,
                env=dict(self.spec.environment),
                start_new_session=True,
            )
            if self._stopping.is_set():
                self._ask_to_end(process)
            try:
                return await process.wait()
            finally:
                # What it has started does not outlive it, or two generations would fight.
                kill_group(process.pid)
                self._process = None

    @asynccontextmanager
    async def _output(self) -> AsyncIterator[IO[bytes]]:
        """Where the program writes: its log, or a pipe of ours that is read to its end.

        Not asyncio's own pipe: with that, `Process.wait` waits for everybody who holds it.
        """
        if self.spec.log_path is not None:
            with open_log(self.spec.log_path, append=self.settled) as log:
                yield log
            return
        reading, writing = os.pipe()
        relaying = asyncio.create_task(self._relay(reading), name=f"{self.spec.name}-output")
        try:
            with os.fdopen(writing, "wb") as output:
                yield output
        finally:
            await asyncio.wait([relaying], timeout=OUTPUT_TIMEOUT_S)
            relaying.cancel()

    async def _relay(self, descriptor: int) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
        )
        rest = b""
        try:
            while chunk := await reader.read(CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._relay_line(line)
                if len(rest) > CHUNK:
                    self._relay_line(rest)
                    rest = b""
            if rest:
                self._relay_line(rest)
        finally:
            transport.close()

    def _relay_line(self, line: bytes) -> None:
        if self.first_line is None and self.spec.announces:
            self.first_line = line
            return
        self._terminal.relay(self.spec.name, line)

    def _report(self, pause_s: float) -> None:
        when = f"in {pause_s:g} s" if pause_s else "at once"
        self._terminal.say(
            f"{self.spec.name} {describe_exit(self.exit_code)}; it is started again {when}."
        )

    async def _stopped_within(self, timeout_s: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), timeout_s)
        except TimeoutError:
            return False
        return True


def next_pause_s(last_pause_s: float, lived_s: float) -> float:
    """Return how long to wait before the next start: nothing after a good life, then ever more."""
    if lived_s >= SETTLED_AFTER_S:
        return 0.0
    return min(max(last_pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)


def describe_exit(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
