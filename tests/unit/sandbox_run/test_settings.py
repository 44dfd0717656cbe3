"""What `make run` can be told, and what it says about ports."""

import socket
from pathlib import Path

import pytest

from sandbox.run.settings import ROOT, RunSettings
from sandbox.services.errors import SandboxError
from sandbox.services.ports import free_port, is_free


def test_defaults_are_the_documented_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in RunSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    settings = RunSettings.from_environment()
    assert settings.aiadmin_data_dir == ROOT / "var"
    assert (settings.api_port, settings.whatsapp_port) == (3000, 3003)
    assert settings.database_url is None


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    assert RunSettings.from_environment().database_url is None


def test_a_variable_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", "many")
    with pytest.raises(SandboxError, match=r"^API_PORT: .*Change or unset it\.$"):
        RunSettings.from_environment()


@pytest.mark.parametrize("variable", ["API_PORT", "WHATSAPP_PORT", "PORTAL_PORT", "PHONE_PORT"])
def test_a_taken_port_is_named_with_its_holder_and_its_variable(variable: str) -> None:
    ports = {name: free_port() for name in ("api_port", "whatsapp_port", "portal_port")}
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        values = {**ports, "phone_port": free_port(), variable.lower(): taken}
        settings = RunSettings.model_validate(values)
        with pytest.raises(SandboxError, match=rf"Port {taken} is taken by .*{variable}="):
            settings.check_ports()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:4000"),  # noqa: S104 - only named
        ("::1", "http://[::1]:4000"),
        ("localhost", "http://localhost:4000"),
    ],
)
def test_the_api_is_reached_where_it_listens(tmp_path: Path, host: str, url: str) -> None:
    settings = RunSettings(api_host=host, api_port=4000, aiadmin_data_dir=tmp_path)
    assert settings.api_url == url


@pytest.mark.parametrize("host", ["192.0.2.1", "no such name", "::1"])
def test_an_address_that_is_not_ours_is_not_called_taken(host: str) -> None:
    assert is_free(free_port(), host)
