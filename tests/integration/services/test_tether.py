"""A tethered program dies with the process that started it, however that ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sandbox.services.account import unprivileged
from sandbox.services.server import TETHER, tethered
from tests.support.waiting import block_until

PARENT = """
import subprocess, sys, time
from sandbox.services.server import tethered
import signal
child = subprocess.Popen(tethered(("sleep", "60"), signal.SIGTERM), start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_it_dies_with_a_parent_that_is_killed() -> None:
    root = Path(__file__).parents[3]
    with subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=root
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        block_until(lambda: psutil.Process(child).name() == "sleep")
        parent.kill()
    block_until(lambda: gone(child))


def test_it_does_not_start_when_the_parent_is_gone_already() -> None:
    argv = tethered(("true",), signal.SIGTERM)
    position = argv.index(str(TETHER)) + 1
    argv[position] = "1"
    assert subprocess.run(argv, check=False, timeout=10).returncode == 125  # noqa: S603


def test_it_has_the_programs_own_pid_and_exit_code() -> None:
    argv = tethered(("sh", "-c", "echo $$; exit 7"), signal.SIGTERM)
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout is not None
        assert int(process.stdout.read()) == process.pid
        assert process.wait(10) == 7


def test_a_program_that_is_not_there_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    argv = tethered(("/nowhere/program",), signal.SIGTERM)
    assert subprocess.run(argv, check=False, timeout=10).returncode == 126  # noqa: S603
    assert capfd.readouterr().err == "/nowhere/program: No such file or directory\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="another account needs root")
def test_rights_are_dropped_for_good() -> None:

    argv = tethered(("sh", "-c", "id -u; id -G"), signal.SIGTERM, unprivileged())
    said = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603
    account = unprivileged()
    assert said.stdout.split() == [str(account.uid), str(account.gid)]
