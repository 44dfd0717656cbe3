"""Folders for servers that tests start."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sandbox.services.account import can_enter, unprivileged
from sandbox.services.postgres import installed_programs

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the folder made in it is ours alone
MEMORY_NEEDED_BYTES: Final = 2_000_000_000


@contextmanager
def open_folder(prefix: str) -> Iterator[Path]:
    """Give a folder that every account may enter (pytest's own are closed), in memory if it fits.

    A database per test is ten times cheaper there. Not where the server's programs would have to
    be copied: such a file system may refuse to run them.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if _memory_will_do() else None))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _memory_will_do() -> bool:
    return (
        os.access(MEMORY, os.W_OK)
        and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED_BYTES
        and can_enter(unprivileged(), installed_programs())
    )
