"""A real PgBouncer with the project's example configuration, on ports and files of the test."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg
import pytest

from sandbox.services.account import Account, can_enter, hand_over, unprivileged, write_for
from sandbox.services.ports import free_port
from sandbox.services.server import RunningServer, ServerCommand
from tests.support.places import open_folder
from tests.support.processes import ROOT

EXAMPLE: Final = ROOT / "deploy" / "pgbouncer.ini"
UNPACKED: Final = ROOT / "build" / "pgbouncer"
NAME: Final = "pgbouncer"
PROGRAM: Final = Path("usr", "sbin", NAME)
START_S: Final = 30.0
TEST: Final = "who counts connections"
"""Names its connections: one that it has closed may be there for a while yet."""


def require_pgbouncer() -> None:
    if shutil.which(NAME) is None and not (UNPACKED / PROGRAM).exists():
        reason = "NO PGBOUNCER TESTS: there is no pgbouncer; run tools/pgbouncer.sh"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@dataclass(frozen=True)
class PgBouncer:
    """``url`` is of the database behind it."""

    url: str
    command: ServerCommand

    def start(self) -> RunningServer:
        server = RunningServer(self.command)
        try:
            server.wait_ready(self._answers, START_S)
        except BaseException:
            server.stop()
            raise
        return server

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


@contextlib.contextmanager
def pgbouncer_for(database_url: str, **settings: str | int) -> Iterator[PgBouncer]:
    """Not started yet. ``settings`` take the place of the example's."""
    require_pgbouncer()
    port = free_port()
    with open_folder("pgbouncer") as parent:
        folder = parent / "pgbouncer"
        account = unprivileged()
        hand_over(folder, account)
        write_for(account, folder / "userlist.txt", _secret_of(database_url))
        own = {
            "listen_port": port,
            "auth_file": f"{folder}/userlist.txt",
            "logfile": "",
            "pidfile": f"{folder}/pgbouncer.pid",
            **settings,
        }
        write_for(account, folder / "pgbouncer.ini", example(database_url, own))
        program, libraries = _program(folder, account)
        yield PgBouncer(
            url=urlsplit(database_url)._replace(netloc=_through(database_url, port)).geturl(),
            command=ServerCommand(
                name="PgBouncer",
                argv=(program, str(folder / "pgbouncer.ini")),
                log_path=folder / "output.log",
                account=account,
                environment={"LD_LIBRARY_PATH": libraries},
            ),
        )


def example(database_url: str, settings: dict[str, str | int]) -> str:
    """The example, with the database and the settings of the test in place of its own."""
    text = EXAMPLE.read_text("utf-8")
    parts = urlsplit(database_url)
    name = parts.path.removeprefix("/")
    ours = "ai_admin = host=127.0.0.1 port=5432 dbname=ai_admin "
    assert text.count(ours) == 1
    text = text.replace(ours, f"{name} = host=127.0.0.1 port={parts.port} dbname={name} ")
    lines = text.splitlines()
    for setting, value in settings.items():
        [place] = [at for at, line in enumerate(lines) if line.startswith(f"{setting} =")]
        lines[place] = f"{setting} = {value}"
    return "\n".join(lines) + "\n"


def server_connections(database_url: str) -> list[str]:
    """What uses the database besides the test, in Postgres' own words, one a connection.

    ``database_url`` is Postgres' own.
    """
    with psycopg.connect(database_url, autocommit=True, application_name=TEST) as connection:
        rows = connection.execute(
            "SELECT application_name FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name <> %s"
            " AND backend_type = 'client backend'"
            # One that is starting has not told its name yet.
            " AND coalesce(state, 'starting') <> 'starting'",
            (TEST,),
        )
        return [str(row[0]) for row in rows]


def _secret_of(database_url: str) -> str:
    """As the example says that an operator makes it."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            """SELECT format('"%s" "%s"', rolname, rolpassword) FROM pg_authid"""
            " WHERE rolname = current_user"
        ).fetchone()
    assert row is not None
    return f"{row[0]}\n"


def _through(database_url: str, port: int) -> str:
    login, _, _ = urlsplit(database_url).netloc.rpartition("@")
    return f"{login}@127.0.0.1:{port}"


def _program(folder: Path, account: Account) -> tuple[str, str]:
    """It, and where its libraries are. A checkout may be closed to others than its owner."""
    installed = shutil.which(NAME)
    if installed is not None:
        return installed, ""
    unpacked = UNPACKED
    if not can_enter(account, (UNPACKED / PROGRAM).parent):
        unpacked = _copied(folder / "unpacked", account)
    libraries = ":".join(str(path) for path in unpacked.glob("usr/lib/*-linux-gnu"))
    return str(unpacked / PROGRAM), libraries


def _copied(copy: Path, account: Account) -> Path:
    shutil.copytree(UNPACKED / "usr", copy / "usr", symlinks=True)
    for path in (copy, *copy.rglob("*")):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
    return copy
