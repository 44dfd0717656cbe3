"""The operator's command on a real database."""

import re

import psycopg
import pytest

from whatsapp_service.drain import main


@pytest.fixture
def registered(database_url: str) -> str:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO whatsapp_processes (process_id, machine, pid, born)"
            " VALUES ('one', 'machine', 1, 1)"
        )
    return database_url


def test_a_process_is_listed_drained_and_takes_sessions_again(
    registered: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", registered)

    def said(*arguments: str) -> str:
        assert main(arguments) == 0
        return re.sub(r"silent: \d+ s", "silent", capsys.readouterr().out)

    idle = "one sessions: 0, silent\nfree sessions: 0\n"
    assert said("list") == idle
    assert said("start", "one") == "one sessions: 0, silent draining\nfree sessions: 0\n"
    assert said("stop", "one") == idle
    assert main(["start", "nobody"]) == 2
    assert "no such process" in capsys.readouterr().err


def test_without_a_database_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main(["list"]) == 78
    monkeypatch.setenv("DATABASE_URL", "postgres://x:hidden@127.0.0.1:9/x")
    assert main(["list"]) == 1
    assert "hidden" not in capsys.readouterr().err
