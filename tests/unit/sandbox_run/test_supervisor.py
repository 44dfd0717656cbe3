"""The supervisor with real child processes: started anew, stopped in order, nothing left."""

import asyncio
import contextlib
import io
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from sandbox.run.child import LONGEST_PAUSE_S, SETTLED_AFTER_S, Child, ChildSpec, next_pause_s
from sandbox.run.supervisor import Supervisor
from sandbox.run.terminal import Terminal
from sandbox.services.errors import SandboxError
from tests.support.waiting import wait_until

PATIENCE_S = 40.0
"""For a child to start, or to end: only what fails waits for so long."""

STUBBORN = """
import signal, time
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
POLITE = """
import os, signal, sys, time
def leave(*_):
    os.write(1, b"leaving\\n")  # not print: the signal may come while the line below is printed
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
while True:
    time.sleep(60)
"""
UNTIL_TOLD = """
import pathlib, sys, time
print("ready", flush=True)
while not pathlib.Path({path!r}).exists():
    time.sleep(0.01)
"""
WITH_GRANDCHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def spec(source: str, name: str = "child", *, tier: int = 0, **changes: object) -> ChildSpec:
    values: dict[str, object] = {
        "name": name,
        "argv": (sys.executable, "-I", "-c", source),
        "environment": {"PATH": os.defpath},
        "tier": tier,
        "stop_timeout_s": PATIENCE_S,
        **changes,
    }
    return ChildSpec(**values)  # type: ignore[arg-type] # checked by the dataclass's users


class Stage:
    """A supervisor and what it has written."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._stream = io.StringIO()
        self.supervisor = Supervisor(group, Terminal(self._stream))

    @property
    def output(self) -> str:
        return self._stream.getvalue()

    async def start(self, wanted: ChildSpec, said: str = "ready") -> Child:
        async def is_ready(_child: Child) -> bool:
            return said in self.output

        return await self.supervisor.start(wanted, is_ready, timeout_s=PATIENCE_S)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    async with asyncio.TaskGroup() as group:
        acting = Stage(group)
        try:
            yield acting
        finally:
            await acting.supervisor.stop()


def alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


async def test_a_child_that_dies_is_started_again_and_told_of() -> None:
    async with stage() as acting:
        child = await acting.start(spec(POLITE))
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await wait_until(lambda: acting.output.count("| ready") == 2, PATIENCE_S)
        assert child.starts == 2
        assert child.pid not in (None, first)
        assert "child was ended by SIGKILL; it is started again in 0.5 s." in acting.output


async def test_a_child_that_ends_by_itself_is_started_again(tmp_path: Path) -> None:
    told = tmp_path / "told"
    async with stage() as acting:
        child = await acting.start(spec(UNTIL_TOLD.format(path=str(told))))
        told.touch()
        await wait_until(lambda: child.starts >= 2, PATIENCE_S)
        assert "child ended with exit code 0" in acting.output


def test_pauses_double_up_to_half_a_minute_and_a_good_life_ends_them() -> None:
    pauses = [next_pause_s(0, lived_s=1)]
    while pauses[-1] < LONGEST_PAUSE_S:
        pauses.append(next_pause_s(pauses[-1], lived_s=1))
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30]
    assert next_pause_s(30, lived_s=1) == LONGEST_PAUSE_S
    assert next_pause_s(30, lived_s=SETTLED_AFTER_S) == 0


async def test_a_child_is_asked_to_end_and_its_last_words_are_heard() -> None:
    async with stage() as acting:
        child = await acting.start(spec(POLITE))
    assert child.exit_code == 0
    assert acting.output.endswith("| leaving\n")


async def test_a_child_that_does_not_end_is_killed_after_its_deadline() -> None:
    async with stage() as acting:
        child = await acting.start(spec(STUBBORN, stop_timeout_s=0.2))
    assert child.exit_code == -signal.SIGKILL
    assert "child did not stop in time and is killed." in acting.output


async def test_a_second_order_kills_at_once() -> None:
    async with stage() as acting:
        child = await acting.start(spec(STUBBORN, stop_timeout_s=100))
        stopping = asyncio.create_task(acting.supervisor.stop())
        await asyncio.sleep(0)
        acting.supervisor.kill()
        async with asyncio.timeout(PATIENCE_S):
            await stopping
    assert child.exit_code == -signal.SIGKILL


async def test_a_child_that_waits_for_its_next_start_stops_at_once(tmp_path: Path) -> None:
    told = tmp_path / "told"
    async with stage() as acting:
        child = await acting.start(spec(UNTIL_TOLD.format(path=str(told)), stop_timeout_s=100))
        told.touch()
        await wait_until(lambda: "started again" in acting.output and child.pid is None, PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            await acting.supervisor.stop()
    assert child.starts <= 2


async def test_what_is_needed_is_stopped_after_what_needs_it() -> None:
    async with stage() as acting:
        for tier, name in enumerate(("database", "network", "process")):
            source = POLITE.replace("ready", f"{name} is up").replace("leaving", f"{name} left")
            await acting.start(spec(source, name, tier=tier), said=f"{name} is up")
    left = [line.split("| ")[1] for line in acting.output.splitlines() if line.endswith("left")]
    assert left == ["process left", "network left", "database left"]


async def test_what_a_dead_child_had_started_does_not_outlive_it() -> None:
    async with stage() as acting:
        child = await acting.start(spec(WITH_GRANDCHILD), said="| ")
        grandchild = int(acting.output.split("| ")[1])
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        await wait_until(lambda: not alive(grandchild), PATIENCE_S)


async def test_a_child_that_ends_before_it_is_ready_is_an_error_in_one_line() -> None:
    async with stage() as acting:
        with pytest.raises(SandboxError, match=r"child ended with exit code 3\. What it said"):
            await acting.start(spec("import sys; sys.exit(3)"))


async def test_a_server_that_ends_early_is_quoted_from_its_log(tmp_path: Path) -> None:
    log_path = tmp_path / "child.log"
    source = "import sys; sys.exit('FATAL:  no space left')"
    async with stage() as acting:
        with pytest.raises(
            SandboxError, match=r"code 1: FATAL:  no space left\. Its log is .*reset-data"
        ):
            await acting.start(spec(source, log_path=log_path))


async def test_a_child_that_ends_in_the_moment_it_is_ready_is_an_error_too() -> None:
    async def ended(child: Child) -> bool:
        return child.exit_code is not None

    async with stage() as acting:
        with pytest.raises(SandboxError, match="ended with exit code 0"):
            await acting.supervisor.start(spec("print('ready')"), ended, timeout_s=PATIENCE_S)


async def test_a_child_that_never_gets_ready_is_an_error_with_a_deadline() -> None:
    async def never(_child: Child) -> bool:
        return False

    async with stage() as acting:
        with pytest.raises(SandboxError, match="child was not ready after 0 s"):
            await acting.supervisor.start(spec(POLITE), never, timeout_s=0.1)


async def test_a_program_that_is_not_there_is_named() -> None:
    async with stage() as acting:
        with pytest.raises(SandboxError, match="exit code 126"):
            await acting.start(spec("", argv=("/nowhere/program",)))
    assert "/nowhere/program: No such file or directory" in acting.output


async def test_the_announcement_is_for_us_alone() -> None:
    source = "print('{}'); print('ready', flush=True); import time; time.sleep(60)"
    async with stage() as acting:
        child = await acting.start(spec(source, announces=True))
        assert child.first_line == b"{}"
        assert "{}" not in acting.output


async def test_a_flood_without_line_ends_does_not_fill_our_memory() -> None:
    source = "import sys; sys.stdout.write('x' * 3_000_000); print(); print('ready', flush=True)"
    source += "; import time; time.sleep(60)"
    async with stage() as acting:
        await acting.start(spec(source))
    assert len(acting.output) < 1_000_000
