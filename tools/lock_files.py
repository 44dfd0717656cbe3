"""The lock files: made from pyproject.toml, and checked to be in step with it.

    python -m tools.lock_files write | check

A lock's first line holds a digest of the dependencies it was made from.
"""

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
EXTRAS_OF: Final = {"requirements.lock": ["sandbox"], "requirements-dev.lock": ["sandbox", "dev"]}
HEADER: Final = "# Made by `make lock` from dependencies "
COMPILE: Final = (
    *("uv", "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--quiet"),
)


def fingerprint(project: dict[str, Any]) -> str:
    """Digest of what decides a lock's content: dependencies, extras and Python's version."""
    keys = ("requires-python", "dependencies", "optional-dependencies")
    deciding = json.dumps([project[key] for key in keys], sort_keys=True)
    return hashlib.sha256(deciding.encode()).hexdigest()[:16]


def faults(project: dict[str, Any], locks: dict[str, str]) -> list[str]:
    """Say what is wrong with the locks (name → text): not in step, or not of one piece."""
    expected = HEADER + fingerprint(project)
    found = [
        f"{name} is not in step with pyproject.toml: run `make lock`"
        for name, text in locks.items()
        if text.split("\n", 1)[0] != expected
    ]
    missing = pins(locks["requirements.lock"]) - pins(locks["requirements-dev.lock"])
    if missing:
        found.append(f"requirements-dev.lock lacks pins of requirements.lock: {sorted(missing)}")
    return found


def pins(lock: str) -> set[str]:
    return {line.split(" ", 1)[0] for line in lock.splitlines() if "==" in line}


def write() -> None:
    """Make both locks anew. Versions that are locked now stay where they still fit."""
    header = HEADER + fingerprint(_project())
    for name, extras in EXTRAS_OF.items():
        options = [text for extra in extras for text in ("--extra", extra)]
        command = [sys.executable, "-m", *COMPILE, *options, "--output-file", name]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        lock = ROOT / name
        lock.write_text(f"{header}\n{lock.read_text()}")


def _project() -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"])


def main(arguments: list[str]) -> int:
    if arguments == ["write"]:
        write()
    found = faults(_project(), {name: (ROOT / name).read_text() for name in EXTRAS_OF})
    sys.stderr.write("".join(f"{fault}\n" for fault in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
