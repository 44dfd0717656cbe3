"""The one folder that ``make run`` keeps its data in: lock, secrets, ports, databases."""

import fcntl
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import BaseModel, Field, ValidationError

from sandbox.services.account import can_enter, unprivileged
from sandbox.services.errors import SandboxError
from sandbox.services.ports import free_port_near

ELSEWHERE: Final = Path("/var/tmp")  # noqa: S108 - the folder made there is checked to be ours
CHOOSE_ANOTHER: Final = "Choose another folder: AIADMIN_DATA_DIR=/some/folder make run"


def _generate() -> str:
    return secrets.token_urlsafe(32)


class Secrets(BaseModel):
    """Generated once per data folder: linked salons and running onboardings survive a restart."""

    jwt_secret: str = Field(default_factory=_generate)
    yclients_partner_token: str = Field(default_factory=_generate)
    yclients_user_token: str = Field(default_factory=_generate)
    health_check_token: str = Field(default_factory=_generate)
    encryption_keys: str = Field(default_factory=_generate)
    postgres_password: str = Field(default_factory=_generate)


class DataFolder:
    """Open one with `open_data_folder`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.secrets = self._load_secrets()

    def port(self, name: str) -> int:
        """Return the port that `name` had last time if it is free now, else another free one."""
        ports = self._load_ports()
        port = free_port_near(ports.get(name))
        if ports.get(name) != port:
            _write_private(self.path / "ports.json", json.dumps({**ports, name: port}))
        return port

    def postgres_folder(self) -> Path:
        """Return where Postgres's account can keep its data, without any folder being opened to it.

        Usually inside this folder. When that account may not enter here (root's home is closed to
        it), a folder of ours below /var/tmp.
        """
        account = unprivileged()
        inside = self.path / "postgres"
        if can_enter(account, self.path):
            return inside
        outside = outside_folder(self.path)
        with _complaining(outside):
            outside.mkdir(mode=0o755, exist_ok=True)
            found = outside.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise SandboxError(f"{outside} belongs to somebody else.", "Remove it, then try again.")
        return outside / "postgres"

    def _load_secrets(self) -> Secrets:
        path = self.path / "secrets.json"
        try:
            loaded = Secrets.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            loaded = Secrets()
        except ValidationError:
            raise SandboxError(
                f"{path} is damaged.", "Start over with `make reset-data` (it deletes local data)."
            ) from None
        with _complaining(path):
            _write_private(path, loaded.model_dump_json(indent=2))
        return loaded

    def _load_ports(self) -> dict[str, int]:
        try:
            return {str(k): int(v) for k, v in json.loads(self._read("ports.json")).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _read(self, name: str) -> str:
        return (self.path / name).read_text()


def outside_folder(path: Path) -> Path:
    return ELSEWHERE / f"ai-admin-{hashlib.sha256(bytes(path)).hexdigest()[:12]}"


@contextmanager
def open_data_folder(path: Path) -> Iterator[DataFolder]:
    """Hold `path` for ourselves, created when absent.

    Raises SandboxError when it cannot be used, or another run uses it.
    """
    with locked(path):
        yield DataFolder(path.resolve())


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the folder's lock. The kernel lets go of it when we end, however that is."""
    with _complaining(path):
        if not path.is_dir():
            path.mkdir(mode=0o755, parents=True)
        descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        raise SandboxError(
            f"AI Admin already runs with the data in {path} (pid {holder}).",
            "Use that one, or end it with Ctrl-C first.",
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


@contextmanager
def _complaining(path: Path) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise SandboxError(f"{path} is not a folder.", f"Move it away. {CHOOSE_ANOTHER}") from None
    except OSError as error:
        raise SandboxError(
            f"The data folder {path} cannot be used: {error.strerror}.", CHOOSE_ANOTHER
        ) from None


def _write_private(path: Path, text: str) -> None:
    """Replace the file in one step, readable by us alone."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.rename(path)
