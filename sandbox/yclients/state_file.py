"""Connections and bookings on disk: a salon that was active is active at the next start, too."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError


class State(BaseModel):
    """``books`` by the salon's number, as text."""

    connections: list[dict[str, Any]] = []
    books: dict[str, Any] = {}


class StateFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> State:
        """What was written last; nothing when there is no file or it is not ours."""
        try:
            stored = json.loads(self._path.read_text("utf-8"))
            return State.model_validate(
                {"connections": stored} if isinstance(stored, list) else stored
            )
        except FileNotFoundError:
            return State()
        except (OSError, ValueError, ValidationError):
            sys.stderr.write(f"yclients: {self._path.name} cannot be read; starting without it\n")
            return State()

    def write(self, state: State) -> None:
        """Whole or not at all, readable by us alone: keys and addresses of hooks are in it."""
        fresh = self._path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(state.model_dump_json())
        fresh.replace(self._path)
