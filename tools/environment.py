"""Set up `.venv` from a lock file. Runs before anything is installed: standard library only.

    python3 tools/environment.py runtime | dev

Does nothing when the lock has not changed since the last time. What this machine lacks is said in
one line. Kept readable for old interpreters, so that one of them can say that it is too old.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed-locks.json"
LOCKS = {"runtime": "requirements.lock", "dev": "requirements-dev.lock"}
# The development lock holds every pin of the runtime one: whoever has it has both.
COVERS = {"runtime": ["runtime"], "dev": ["runtime", "dev"]}
MIN_PYTHON = (3, 11)
PROBE_TIMEOUT_S = 30
INSTALL_TIMEOUT_S = 1800
COMPLAINT_LINES = 5


class SetupError(Exception):
    """One line: what is wrong, then what to do."""


def check_machine(
    version: tuple[int, ...], system: str, machine: str, libc: str, *, has_ensurepip: bool
) -> None:
    """Raise SetupError when the project cannot be set up on such a machine."""
    if version[:2] < MIN_PYTHON:
        found = ".".join(map(str, version[:2]))
        raise SetupError(
            f"Python 3.11 or newer is needed, and this is {found}. Install one, then name it: "
            "make run PYTHON=python3.12"
        )
    if (system, machine) != ("Linux", "x86_64") or libc != "glibc":
        raise SetupError(
            f"This is {system} {machine}{' (not glibc)' if system == 'Linux' else ''}: the WhatsApp"
            " client library, its local network and the embedded Postgres and Valkey are set up"
            " for Linux x86-64 with glibc only. Use such a machine or container."
        )
    if not has_ensurepip:
        package = "python{}.{}-venv".format(*version[:2])
        raise SetupError(
            f"This Python has no venv/ensurepip. On Debian and Ubuntu: apt install {package}"
        )


def ensure_installed(kind: str) -> bool:
    """Make `.venv` hold what the lock of `kind` names; tell whether something was installed.

    Safe when several run at once: the later waits, and finds it done.
    """
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if not interpreter_works():
            create_venv()
        wanted = digest(kind)
        installed = read_stamp()
        if installed.get(kind) == wanted:
            return False
        install(LOCKS[kind])
        for covered in COVERS[kind]:
            installed[covered] = digest(covered)
        STAMP.write_text(json.dumps(installed))
        return True
    finally:
        os.close(folder)


def interpreter_works() -> bool:
    """Tell whether `.venv` has an interpreter that starts (its base may have been removed)."""
    probe = [str(PYTHON), "-c", "import pip, sys; sys.exit(sys.version_info[:2] < (3, 11))"]
    try:
        return (
            subprocess.run(  # noqa: S603 - our own command line
                probe, capture_output=True, timeout=PROBE_TIMEOUT_S, check=False
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def create_venv() -> None:
    say("Creating .venv …")
    shutil.rmtree(VENV, ignore_errors=True)
    try:
        venv.create(VENV, with_pip=True, symlinks=True)
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetupError(f"The folder .venv could not be created: {error}.") from error


def install(lock: str) -> None:
    say(f"Installing what {lock} names (a minute or two, only when it has changed) …")
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    options = ["--quiet", "--require-hashes", "--only-binary", ":all:", "-r", str(ROOT / lock)]
    done = subprocess.run(  # noqa: S603 - our own command line
        command + options, stderr=subprocess.PIPE, text=True, timeout=INSTALL_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()][-COMPLAINT_LINES:]
        sys.stderr.write("".join(f"  {line}\n" for line in lines))
        raise SetupError(
            "The packages could not be installed (pip's words are above). Is the package index "
            "reachable and the disk not full? Then run the same command again."
        )


def digest(kind: str) -> str:
    return hashlib.sha256((ROOT / LOCKS[kind]).read_bytes()).hexdigest()


def read_stamp() -> dict[str, str]:
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def has_ensurepip() -> bool:
    """Ask for the wheels too: Debian ships the module without them."""
    try:
        import ensurepip  # noqa: PLC0415 - absent on Debian without python3-venv

        return bool(ensurepip.version())
    except (ImportError, OSError):
        return False


def main(arguments: list[str]) -> int:
    kind = arguments[0] if arguments else "runtime"
    try:
        check_machine(
            sys.version_info[:3],
            platform.system(),
            platform.machine(),
            platform.libc_ver()[0],
            has_ensurepip=has_ensurepip(),
        )
        ensure_installed(kind)
    except SetupError as error:
        say(f"ai-admin: {error}")
        return 1
    except OSError as error:
        say(f"ai-admin: {error.strerror}: {error.filename}. Is the checkout yours to write to?")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
