"""The operator's command on a real database."""

import io

import pytest

from whatsapp_service.proxies import main


def test_a_salons_way_is_set_listed_and_cleared_and_no_password_is_shown(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str, typed: str = "") -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert main(arguments) == 0
        return capsys.readouterr().out

    monkeypatch.setenv("DATABASE_URL", database_url)
    assert said("list") == ""

    shown = said("set", "company_1001", typed="socks5h://user:hidden-word@proxy.example.com\n")
    assert shown == "company_1001 socks5h://***@proxy.example.com:1080\n"
    assert said("direct", "company_999") == "company_999 direct\n"
    assert said("list") == f"company_999 direct\n{shown}"
    assert said("set", "company_999", "http://10.0.0.1") == "company_999 http://10.0.0.1:80\n"
    assert said("clear", "company_1001") == "company_1001 default\n"
    assert said("clear", "company_1001") == "company_1001 default already\n"
    assert said("list") == "company_999 http://10.0.0.1:80\n"
