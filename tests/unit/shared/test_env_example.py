"""deploy/env.example is complete, and its values are what a process would run with."""

import re
from pathlib import Path
from typing import Final

import pytest

from api_service.settings import ApiSettings
from shared.settings import CommonSettings
from whatsapp_service.settings import WhatsAppSettings

EXAMPLE: Final = Path(__file__).parents[3] / "deploy" / "env.example"
COMMENTED: Final = {"PAGE_DIR"}
PLACEHOLDERS: Final = {"DATABASE_URL", "REDIS_URL", "PUBLIC_URL"}


def lines() -> dict[str, str]:
    found = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", EXAMPLE.read_text("utf-8"), re.MULTILINE)
    return dict(found)


def fields() -> set[str]:
    return {
        name.upper() for model in (ApiSettings, WhatsAppSettings) for name in model.model_fields
    }


def test_every_variable_is_there_and_no_other() -> None:
    assert set(lines()) == fields()


def test_every_variable_is_named_once() -> None:
    names = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", EXAMPLE.read_text("utf-8"), re.MULTILINE)

    assert len(names) == len(set(names))


@pytest.mark.parametrize("model", [ApiSettings, WhatsAppSettings])
def test_the_values_are_the_defaults(
    model: type[CommonSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in fields():
        monkeypatch.delenv(name, raising=False)
    example = lines()
    required = {name.lower(): example[name] for name in ("DATABASE_URL", "REDIS_URL")}
    defaults = model(environment="test", **required)  # type: ignore[arg-type]
    for name in model.model_fields:
        if name.upper() not in PLACEHOLDERS | COMMENTED | {"ENVIRONMENT"}:
            monkeypatch.setenv(name.upper(), example[name.upper()])

    assert model(environment="test", **required) == defaults  # type: ignore[arg-type]
