"""Embedded Postgres: data that stays, parents that stay closed, and plain words when broken."""

import os
import shutil
import signal
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest

from sandbox.services import postgres
from sandbox.services.account import unprivileged
from sandbox.services.errors import SandboxError
from sandbox.services.ports import free_port
from sandbox.services.postgres import PostgresSetup
from sandbox.services.server import RunningServer
from tests.support.places import open_folder

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="another account needs root")


@pytest.fixture
def place() -> Iterator[Path]:
    with open_folder("place") as folder:
        yield folder


def setup_in(folder: Path, settings: Mapping[str, str] = postgres.DISPOSABLE) -> PostgresSetup:
    return PostgresSetup(folder, free_port(), "p@ss/word %", settings)


@contextmanager
def running(setup: PostgresSetup) -> Iterator[RunningServer]:
    server = postgres.start(setup)
    try:
        yield server
    finally:
        server.stop()


def modes(folder: Path) -> dict[Path, int]:
    return {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.parents)}


def test_a_restart_keeps_the_data(place: Path) -> None:
    setup = setup_in(place / "postgres")
    with running(setup), psycopg.connect(setup.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with running(setup), psycopg.connect(setup.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_killed_server_starts_again_with_its_data(place: Path) -> None:
    setup = setup_in(place / "postgres", settings={})
    with running(setup) as server:
        with psycopg.connect(setup.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        os.killpg(server.pid, signal.SIGKILL)
    with running(setup), psycopg.connect(setup.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_no_parent_is_opened_and_the_data_is_private(place: Path) -> None:
    setup = setup_in(place / "postgres")
    before = {**modes(place), **modes(postgres.installed_programs())}
    with running(setup):
        pass
    assert {**modes(place), **modes(postgres.installed_programs())} == before
    assert stat.S_IMODE(setup.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(setup.data_folder.stat().st_mode) == 0o700


def test_the_password_is_asked_for(place: Path) -> None:
    setup = setup_in(place / "postgres")
    with running(setup), pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(setup.url().replace(f":{setup.quoted_password}@", ":wrong@"))


def test_it_listens_on_loopback_alone(place: Path) -> None:
    setup = setup_in(place / "postgres")
    with running(setup) as server:
        listening = [
            connection.laddr
            for connection in psutil.Process(server.pid).net_connections(kind="all")
            if connection.status == psutil.CONN_LISTEN or connection.family.name == "AF_UNIX"
        ]
    assert [tuple(address) for address in listening] == [("127.0.0.1", setup.port)]


@needs_root
def test_as_root_it_runs_under_an_account_without_rights(place: Path) -> None:
    setup = setup_in(place / "postgres")
    with running(setup) as server:
        assert psutil.Process(server.pid).uids().real == unprivileged().uid != 0


@needs_root
def test_programs_in_a_closed_folder_are_copied_and_the_folder_stays_closed(
    place: Path, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = postgres.installed_programs().parents[1]
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.with_name(name), closed / name)
    programs = closed / package.name / "pginstall" / "bin"
    setup = replace(setup_in(place / "postgres"), installed=programs)
    with running(setup) as server:
        program = Path(psutil.Process(server.pid).exe())
    assert program.is_relative_to(setup.folder)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_data_of_another_version_is_named(place: Path) -> None:
    setup = setup_in(place / "postgres")
    with running(setup):
        pass
    (setup.data_folder / "PG_VERSION").write_text("12\n")
    with pytest.raises(SandboxError, match=r"of Postgres 12, and this is 18\..*make reset-data"):
        postgres.start(setup)


def test_data_without_a_version_is_said_to_be_damaged(place: Path) -> None:
    setup = setup_in(place / "postgres")
    setup.folder.mkdir()
    setup.data_folder.mkdir()
    with pytest.raises(SandboxError, match=r"is damaged .*make reset-data"):
        postgres.start(setup)


def test_damaged_data_is_reported_in_the_servers_own_words(place: Path) -> None:
    setup = setup_in(place / "postgres")
    with running(setup):
        pass
    (setup.data_folder / "global" / "pg_control").unlink()
    with pytest.raises(SandboxError) as caught:
        postgres.start(setup)
    assert "pg_control" in str(caught.value)
    assert "postgres.log" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_half_a_cluster_is_made_anew(place: Path) -> None:
    setup = setup_in(place / "postgres")
    setup.folder.mkdir()
    (setup.folder / "data.unfinished").mkdir()
    (setup.folder / "data.unfinished" / "PG_VERSION").write_text("18\n")
    with running(setup):
        assert postgres.answers(setup)


def test_a_lock_file_with_the_pid_of_somebody_else_does_not_stop_it(place: Path) -> None:
    setup = setup_in(place / "postgres")
    with running(setup):
        pass
    (setup.data_folder / "postmaster.pid").write_text(f"{os.getpid()}\n")
    with running(setup):
        assert postgres.answers(setup)


def test_a_start_waits_for_the_server_before_it_to_end(place: Path) -> None:
    setup = setup_in(place / "postgres")
    first = postgres.start(setup)
    psutil.Process(first.pid).send_signal(signal.SIGINT)
    with running(setup) as second:
        assert second.pid != first.pid
    first.stop()


def test_a_taken_port_is_reported_in_the_servers_own_words(place: Path) -> None:
    first, second = setup_in(place / "first"), place / "second"
    with running(first):
        clash = PostgresSetup(second, first.port, "other", settings=postgres.DISPOSABLE)
        with pytest.raises(SandboxError, match="Postgres did not start: FATAL"):
            postgres.start(clash)
