"""The units and the alerts in deploy/ speak of the processes as they are."""

import configparser
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from api_service.settings import ApiSettings
from shared.settings import EXIT_CONFIGURATION
from whatsapp_service.settings import WhatsAppSettings

ROOT: Final = Path(__file__).parents[3]
DEPLOY: Final = ROOT / "deploy"
UNITS: Final = {
    "api": ("api_service", "API_PORT", 0.0),
    "whatsapp": (
        "whatsapp_service",
        "WHATSAPP_PORT",
        WhatsAppSettings.model_fields["hand_over_timeout_s"].default,
    ),
}
OF_OTHERS: Final = {"up", "process_start_time_seconds"}
FUNCTIONS: Final = {"sum", "max", "min", "rate", "increase", "changes", "by", "instance", "pool"}


def unit(name: str) -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / "systemd" / f"ai-admin-{name}@.service", "utf-8")
    return parser["Service"]


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_its_process_at_the_port_of_its_name(name: str) -> None:
    module, variable, _ = UNITS[name]

    assert unit(name)["ExecStart"].endswith(f"-m {module}'")
    assert f" {variable}=%i " in unit(name)["ExecStart"]
    assert variable.lower() in {**ApiSettings.model_fields, **WhatsAppSettings.model_fields}
    assert (ROOT / module / "__main__.py").is_file()


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_gives_its_process_the_time_to_stop(name: str) -> None:
    _, _, hands_over_s = UNITS[name]
    stops_s = ApiSettings.model_fields["shutdown_timeout_s"].default

    assert float(unit(name)["TimeoutStopSec"]) > hands_over_s + stops_s


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_again_whatever_ends_unless_a_setting_is_wrong(name: str) -> None:
    assert unit(name)["Restart"] == "always"
    assert unit(name)["RestartPreventExitStatus"].split() == [str(EXIT_CONFIGURATION)]


def sources() -> Iterator[str]:
    for package in ("api_service", "whatsapp_service", "shared"):
        for path in (ROOT / package).rglob("*.py"):
            if "node_modules" not in path.parts:
                yield path.read_text("utf-8")


def figures() -> set[str]:
    """Names under which Prometheus finds what the code counts and measures."""
    made = r"\b(?:Counter|Gauge|Histogram|Figure|inventory\.add|inventory\.add_each)\(\s*\"(\w+)\""
    names = {name for text in sources() for name in re.findall(made, text)}
    held = {"postgres_connections", "postgres_connections_idle", "postgres_waiting"}
    return names | held | {f"{name}_count" for name in names}


def test_every_alert_asks_for_figures_that_there_are() -> None:
    rules = (DEPLOY / "alerts.yml").read_text("utf-8")
    asked = re.findall(r"expr: (?:>-\n)?(.*?)\n        (?:for|labels):", rules, re.DOTALL)
    bare = re.sub(r"\{[^}]*\}|\[\w+\]", "", "\n".join(asked))
    names = set(re.findall(r"[a-z]\w+", bare)) - FUNCTIONS - OF_OTHERS

    assert len(asked) == rules.count("- alert:")
    assert names
    assert names <= figures()
