"""The data folder: private, remembered, held by one run, and plain about what is wrong with it."""

import fcntl
import json
import os
import socket
import stat
from pathlib import Path

import pytest

from sandbox.run.data_folder import Secrets, open_data_folder, outside_folder
from sandbox.run.reset import delete
from sandbox.services.errors import SandboxError


def test_secrets_are_made_once_and_only_we_can_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    with open_data_folder(folder) as data:
        first = data.secrets
    with open_data_folder(folder) as data:
        assert data.secrets == first
    assert len(set(first.model_dump().values())) == len(Secrets.model_fields)
    assert all(len(secret) >= 32 for secret in first.model_dump().values())
    assert stat.S_IMODE((folder / "secrets.json").stat().st_mode) == 0o600


def test_ports_are_remembered_until_somebody_else_has_them(tmp_path: Path) -> None:
    with open_data_folder(tmp_path / "var") as data:
        port = data.port("postgres")
        assert data.port("postgres") == port
        with socket.create_server(("127.0.0.1", port)):
            assert data.port("postgres") != port


def test_a_second_run_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    with (
        open_data_folder(folder),
        pytest.raises(SandboxError, match=rf"already runs .*\(pid {os.getpid()}\)"),
        open_data_folder(folder),
    ):
        pytest.fail("both have it")


def test_a_folder_that_is_a_file_is_said_to_be_one(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    folder.write_text("")
    with pytest.raises(SandboxError, match=r"var is not a folder\. Move it away"):
        open_data_folder(folder).__enter__()


def test_a_folder_below_a_file_is_said_to_be_impossible(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SandboxError, match="is not a folder"):
        open_data_folder(tmp_path / "file" / "var").__enter__()


def test_a_folder_that_cannot_be_written_to_is_said_to_be_one() -> None:
    with pytest.raises(SandboxError, match=r"cannot be used: .*AIADMIN_DATA_DIR"):
        open_data_folder(Path("/proc/ai-admin")).__enter__()


def test_damaged_secrets_are_not_replaced_in_silence(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(SandboxError, match=r"secrets\.json is damaged.*make reset-data"):
        open_data_folder(tmp_path).__enter__()


@pytest.mark.parametrize("text", ["", "[]", '{"postgres": "x"}', '{"postgres": null}'])
def test_damaged_ports_are_chosen_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text)
    with open_data_folder(tmp_path) as data:
        port = data.port("postgres")
    assert json.loads((tmp_path / "ports.json").read_text()) == {"postgres": port}


def test_resetting_deletes_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    with open_data_folder(folder):
        pass
    assert delete(folder) is True
    assert not folder.exists()
    assert delete(folder) is False


def test_resetting_spares_a_folder_in_use_and_one_of_somebody_else(tmp_path: Path) -> None:
    mine, other = tmp_path / "var", tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("")
    with pytest.raises(SandboxError, match="not a data folder of ours"):
        delete(other)
    with open_data_folder(mine), pytest.raises(SandboxError, match="already runs"):
        delete(mine)
    assert (other / "thesis.txt").exists()
    assert (mine / "secrets.json").exists()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="another account needs root")


@needs_root
def test_below_a_closed_folder_postgres_gets_a_place_outside_and_nothing_is_opened(
    tmp_path: Path,
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with open_data_folder(closed / "var") as data:
        place = data.postgres_folder()
        try:
            assert place.parent == outside_folder(closed / "var")
            assert stat.S_IMODE(place.parent.stat().st_mode) == 0o755
            assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        finally:
            place.parent.rmdir()


@needs_root
def test_a_place_outside_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    outside = outside_folder(closed / "var")
    outside.symlink_to(tmp_path)
    try:
        with (
            open_data_folder(closed / "var") as data,
            pytest.raises(SandboxError, match="somebody else"),
        ):
            data.postgres_folder()
    finally:
        outside.unlink()


def test_the_lock_is_let_go_of(tmp_path: Path) -> None:
    with open_data_folder(tmp_path):
        pass
    with (tmp_path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
