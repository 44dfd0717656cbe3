"""The operator's command on a real database: tokens and keys."""

import json
import re

import psycopg
import pytest
from pydantic import SecretStr

from api_service.admin import main
from api_service.core.admin.operators import hash_of
from api_service.core.vault import Vault
from shared.settings import EXIT_CONFIGURATION
from tests.support.admin_world import rows

OLD, NEW = "old-0123456789-abcdefghij-klmnopqrst", "new-0123456789-abcdefghij-klmnopqrst"


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", database_url)
    return database_url


def test_a_token_is_shown_once_listed_without_it_and_revoked(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["create", "--name", "anna", "--role", "marketplace_admin"]) == 0
    token = capsys.readouterr().out.strip()
    assert re.fullmatch(r"aia_[\w-]{43}", token)
    assert rows(database, "SELECT token_hash FROM admin_tokens") == [{"token_hash": hash_of(token)}]

    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert re.fullmatch(r"anna marketplace_admin made [\d-]{10} used never\n", listed)

    assert main(["revoke", "anna"]) == 0
    assert capsys.readouterr().out == "anna revoked\n"
    assert main(["list"]) == 0
    assert " revoked " in capsys.readouterr().out
    recorded = rows(database, "SELECT action, actor, address, detail FROM admin_audit ORDER BY id")
    assert [record["action"] for record in recorded] == ["token_create", "token_revoke"]
    assert recorded[0]["actor"].startswith("shell:")
    assert recorded[0]["detail"]["name"] == "anna"
    assert token not in str(recorded)


def test_a_name_has_one_token_at_a_time(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    create = ["create", "--name", "anna", "--role", "admin"]
    assert main(create) == 0
    assert main(create) == 1
    assert "revoke it first" in capsys.readouterr().err
    assert main(["revoke", "anna"]) == 0
    assert main(["revoke", "anna"]) == 1
    assert main(create) == 0

    assert len(rows(database, "SELECT 1 FROM admin_audit")) == 3


@pytest.mark.parametrize("name", ["environment", "Anna", "", "a b", "a" * 65, "shell:anna"])
def test_odd_names_are_refused(
    database: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["create", "--name", name, "--role", "admin"]) == 2
    assert capsys.readouterr().out == ""
    assert rows(database, "SELECT 1 FROM admin_tokens") == []


def test_what_was_left_to_an_operator_is_shown_whole_and_on_record(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vault = Vault([SecretStr(OLD)])
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO companies (yclients_id, integration_status, api_key, webhook_secret)"
            " VALUES (1001, 'pending_callback', %s, %s), (1002, 'active', %s, %s)",
            [vault.seal("the key"), vault.seal("the secret")] * 2,
        )
    for name, value in (
        ("ENCRYPTION_KEYS", f"{NEW},{OLD}"),
        ("YCLIENTS_APP_ID", "77"),
        ("PUBLIC_URL", "https://connect.example.com/"),
    ):
        monkeypatch.setenv(name, value)

    assert main(["callback", "1001"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "salon_id": 1001,
        "application_id": 77,
        "api_key": "the key",
        "webhook_urls": ["https://connect.example.com/webhook/yclients/hook/1001/the secret"],
    }
    [record] = rows(database, "SELECT action, salon_id, detail FROM admin_audit")
    assert (record["action"], record["salon_id"], record["detail"]) == ("callback_show", 1001, {})
    for salon in ("1002", "7"):
        assert main(["callback", salon]) == 1
        assert "not left to an operator" in capsys.readouterr().err
    monkeypatch.setenv("ENCRYPTION_KEYS", NEW)
    assert main(["callback", "1001"]) == 1
    assert "none of ENCRYPTION_KEYS" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("YCLIENTS_APP_ID", "seven", "YCLIENTS_APP_ID is no number"),
        ("ENCRYPTION_KEYS", " , ", "ENCRYPTION_KEYS has no key in it"),
    ],
)
@pytest.mark.usefixtures("database")
def test_a_setting_that_makes_no_sense_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    complaint: str,
) -> None:
    settings = {"ENCRYPTION_KEYS": NEW, "YCLIENTS_APP_ID": "77", "PUBLIC_URL": "https://a.example"}
    for variable, given in {**settings, name: value}.items():
        monkeypatch.setenv(variable, given)

    assert main(["callback", "1001"]) == 1
    assert capsys.readouterr().err == f"admin: {complaint}\n"


def test_keys_are_rotated_also_when_it_was_stopped_half_way(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old, both, new = (
        Vault([SecretStr(key) for key in keys]) for keys in ([OLD], [NEW, OLD], [NEW])
    )
    for number in range(5):
        vault = both if number < 2 else old
        rows(
            database,
            "INSERT INTO companies (yclients_id, api_key, webhook_secret, doubtful_api_key)"
            " VALUES (%s, %s, %s, %s)",
            1000 + number,
            vault.seal(f"key {number}"),
            vault.seal(f"hook {number}") if number % 2 else None,
            vault.seal(f"doubt {number}"),
        )
    rows(database, "INSERT INTO companies (yclients_id) VALUES (1900)")
    monkeypatch.setenv("ENCRYPTION_KEYS", f"{NEW},{OLD}")

    assert main(["rotate-keys"]) == 0

    said = capsys.readouterr().out
    assert said == "resealed 3\ncurrent 2\nchanged_meanwhile 0\nunreadable 0\n"
    for number, row in enumerate(
        rows(database, "SELECT * FROM companies WHERE yclients_id < 1900 ORDER BY yclients_id")
    ):
        assert new.open(row["api_key"]) == f"key {number}"
        assert not number % 2 or new.open(row["webhook_secret"]) == f"hook {number}"
        assert new.open(row["doubtful_api_key"]) == f"doubt {number}"
    assert main(["rotate-keys"]) == 0
    assert capsys.readouterr().out.startswith("resealed 0\ncurrent 5\n")


def test_what_no_key_opens_is_named_and_left_as_it_is(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sealed = Vault([SecretStr(OLD)]).seal("hook")
    rows(
        database,
        "INSERT INTO companies (yclients_id, api_key, webhook_secret) VALUES (1001, %s, %s)",
        "plain-text-of-the-previous-system",
        sealed,
    )
    monkeypatch.setenv("ENCRYPTION_KEYS", f"{NEW},{OLD}")

    assert main(["rotate-keys"]) == 1

    said = capsys.readouterr()
    assert said.out == "resealed 1\ncurrent 0\nchanged_meanwhile 0\nunreadable 1\n"
    assert said.err == "admin: none of ENCRYPTION_KEYS opens the secrets of salons: 1001\n"
    (row,) = rows(database, "SELECT api_key, webhook_secret FROM companies")
    assert row["api_key"] == "plain-text-of-the-previous-system"
    assert Vault([SecretStr(NEW)]).open(row["webhook_secret"]) == "hook"


@pytest.mark.parametrize(
    ("order", "missing"), [("list", "DATABASE_URL"), ("rotate-keys", "ENCRYPTION_KEYS")]
)
def test_without_a_setting_nothing_is_done(
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    order: str,
    missing: str,
) -> None:
    assert database
    monkeypatch.delenv(missing, raising=False)

    assert main([order]) == EXIT_CONFIGURATION
    assert capsys.readouterr().err == f"admin: {missing} is missing\n"


def test_a_database_that_is_away_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ai:hidden-word@127.0.0.1:9/none")

    assert main(["list"]) == 1

    said = capsys.readouterr().err
    assert (said.count("\n"), "hidden-word" in said) == (1, False)
