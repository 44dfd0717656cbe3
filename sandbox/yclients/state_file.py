"""Connections on disk, so that a salon that was active is active after a restart of the demo."""

import json
import sys
from pathlib import Path
from typing import Any


class StateFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[dict[str, Any]]:
        """What was written last; nothing when there is no file or it is not ours."""
        try:
            stored = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, ValueError):
            sys.stderr.write(f"yclients: {self._path.name} cannot be read; starting without it\n")
            return []
        return stored if isinstance(stored, list) else []

    def write(self, connections: list[dict[str, Any]]) -> None:
        """Whole or not at all."""
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(connections, ensure_ascii=False, indent=1), "utf-8")
        fresh.replace(self._path)
