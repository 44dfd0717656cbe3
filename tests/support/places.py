"""Folders for servers that tests start."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from sandbox.services.account import can_enter, unprivileged
from sandbox.services.postgres import installed_programs

PREFIX: Final = "ai-admin-test-"
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the folder made in it is ours alone
MEMORY_NEEDED_BYTES: Final = 2_000_000_000


@contextmanager
def open_folder(purpose: str) -> Iterator[Path]:
    """Give a folder that every account may enter (pytest's own are closed), in memory if it fits.

    A database per test is ten times cheaper there. Not where the server's programs would have to
    be copied: such a file system may refuse to run them. What a killed run left is removed.
    """
    parent = MEMORY if _memory_will_do() else Path(tempfile.gettempdir())
    _remove_orphans(parent)
    prefix = f"{PREFIX}{os.getpid()}-{purpose}-"
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        # What somebody still writes to it must fail no test; the next run removes what is left.
        shutil.rmtree(folder, ignore_errors=True)


def _memory_will_do() -> bool:
    return (
        os.access(MEMORY, os.W_OK)
        and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED_BYTES
        and can_enter(unprivileged(), installed_programs())
    )


def _remove_orphans(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*-*-*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
