"""``python -m tools.hygiene``: no file of the project names a registry's host or a local path."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
FORBIDDEN: Final = {
    "a registry's host": re.compile(
        r"\b(pypi|pythonhosted|npmjs|yarnpkg|deb\.debian|archive\.ubuntu)\.(org|com)\b"
    ),
    "a local path": re.compile(r"(?<![\w.}/-])/(work|root|home|Users)/\w"),
}
MAX_BYTES: Final = 2_000_000


def faults(name: str, text: str) -> Iterator[str]:
    """Yield one line per thing in `text` that must not be there."""
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in FORBIDDEN.items():
            if found := pattern.search(line):
                yield f"{name}:{number}: {what}: {found.group()}"


def project_files() -> list[Path]:
    """Everything that is in git, or would be after `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    return [ROOT / name for name in sorted(set(listed.stdout.split("\0"))) if name]


def main() -> int:
    found: list[str] = []
    for path in project_files():
        if path.is_file() and path.stat().st_size <= MAX_BYTES:
            found += faults(str(path.relative_to(ROOT)), path.read_text(errors="replace"))
    sys.stderr.write("".join(f"{fault}\n" for fault in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
