"""Whose account a server runs under: Postgres refuses to run as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sandbox.services.errors import SandboxError

UNPRIVILEGED_NAME = "nobody"
SHELL_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Account:
    """A system account, or with both ids -1 the one that we run under."""

    uid: int = -1
    gid: int = -1

    @property
    def is_ours(self) -> bool:
        return self.uid < 0


OURS = Account()


def unprivileged() -> Account:
    """Return our own account, or `nobody` when we are root."""
    if os.geteuid() != 0:
        return OURS
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_NAME)
    except KeyError:
        raise SandboxError(
            "Postgres does not run as root and this system has no user 'nobody'.",
            "Run as an ordinary user, or set DATABASE_URL.",
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def can_enter(account: Account, folder: Path) -> bool:
    """Tell whether `account` can enter `folder`: asked of the kernel, so that ACLs count too."""
    if account.is_ours:
        return os.access(folder, os.X_OK)
    tried = subprocess.run(  # noqa: S603 - our own command line
        ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        timeout=SHELL_TIMEOUT_S,
        check=False,
    )
    return tried.returncode == 0


def write_for(account: Account, path: Path, text: str) -> None:
    """Write a file that `account` alone may read. Nothing in its folder is followed or reused."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        if not account.is_ours:
            os.fchown(descriptor, account.uid, account.gid)
        file.write(text)


def hand_over(folder: Path, account: Account) -> None:
    """Make `folder` (created when absent) private to `account`. Its parents are not touched."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if not account.is_ours:
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)
