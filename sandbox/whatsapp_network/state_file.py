"""Keeps the network's accounts and root key over restarts, in one JSON file."""

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import structlog
from pydantic import Field, ValidationError

from sandbox.whatsapp_network.account import Account, Kept
from sandbox.whatsapp_network.curve25519 import KeyPair

log = structlog.get_logger()

FILE_NAME: Final = "whatsapp-network.json"
SETTLE_S: Final = 0.05


class StateFileError(Exception):
    """The file is there and cannot be used."""


class State(Kept):
    """Everything that survives."""

    version: Literal[1] = 1
    root_private: bytes = Field(default_factory=lambda: KeyPair().private)
    chat_port: int | None = None
    control_port: int | None = None
    accounts: list[Account] = Field(default_factory=list)


class StateFile:
    """Writes a moment after a change, so that many changes at once make one write.

    `keep` owns the writing: run it as a task; after `close` it writes what is left and ends.
    """

    def __init__(self, path: Path, collect: Callable[[], State]) -> None:
        self._path = path
        self._collect = collect
        self._changed = asyncio.Event()
        self._closing = False

    def touch(self) -> None:
        """Say that something changed."""
        self._changed.set()

    def close(self) -> None:
        self._closing = True
        self._changed.set()

    async def keep(self) -> None:
        while self._changed.is_set() or not self._closing:
            await self._changed.wait()
            await asyncio.sleep(SETTLE_S)
            self._changed.clear()
            await self._write()

    async def _write(self) -> None:
        try:
            await asyncio.to_thread(save, self._path, self._collect())
        except OSError as error:
            # The next change tries again: a full disk does not end the network.
            log.error("state_not_written", reason=error.strerror)  # noqa: TRY400 - no traceback


def load(path: Path) -> State:
    """Read the file, or begin anew when there is none; raise `StateFileError`."""
    try:
        return State.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return State()
    except (ValidationError, OSError) as error:
        raise StateFileError(f"{path} cannot be used; remove it to begin anew") from error


def save(path: Path, state: State) -> None:
    """Replace the file in one step: a crash leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(state.model_dump_json().encode())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
