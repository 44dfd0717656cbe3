"""The Procfile: which processes the project consists of."""

import re
from pathlib import Path
from typing import Final

from sandbox.services.errors import SandboxError

_ENTRY: Final = re.compile(r"^([A-Za-z0-9_-]+):\s*(\S.*)$")


def read_procfile(path: Path) -> dict[str, str]:
    """Return name → shell command, in the file's order.

    Raises SandboxError on a line that is neither an entry, nor empty, nor a comment.
    """
    entries: dict[str, str] = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry = _ENTRY.match(line)
        if entry is None or entry[1] in entries:
            raise SandboxError(
                f"{path.name}, line {number}: {line.strip()!r}.",
                "A line is `name: command`, and each name is there once.",
            )
        entries[entry[1]] = entry[2].strip()
    return entries
