"""The operator's command refuses what makes no sense before it asks any database."""

import io

import pytest

from shared.settings import EXIT_CONFIGURATION
from whatsapp_service.proxies import main


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        (["set", "company_01", "http://user:hidden-word@proxy"], ""),
        (["set", "../company_1", "http://user:hidden-word@proxy"], ""),
        (["set", "company_1001", "socks4://user:hidden-word@proxy"], ""),
        (["set", "company_1001"], "user:hidden-word@proxy\n"),
        (["set", "company_1001"], ""),
        (["direct", "1001"], ""),
    ],
)
def test_bad_input_is_refused_without_being_repeated(
    arguments: list[str],
    typed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))

    assert main(arguments) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "hidden-word" not in said.err


def test_without_a_database_nothing_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)

    assert main(["list"]) == EXIT_CONFIGURATION
    assert "DATABASE_URL" in capsys.readouterr().err


def test_a_database_that_is_away_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ai:hidden-word@127.0.0.1:9/none")

    assert main(["list"]) == 1

    said = capsys.readouterr().err
    assert (said.count("\n"), "hidden-word" in said) == (1, False)
