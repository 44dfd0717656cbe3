"""Nothing secret leaves through a log, and what is useful stays."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
import structlog
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from shared.observability import (
    capture,
    configure_logging,
    configure_sentry,
    mask_event,
    mask_text,
)
from shared.settings import CommonSettings, LogSettings

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzYWxvbl9pZCI6MTAwMX0.c2lnbmF0dXJl"
SECRETS = [
    TOKEN,
    "79990000001",
    "+7 999 000-00-01",
    "8(999)000-00-01",
    "ABCD-1234",
    "postgresql://ai:pa55word@db/x",
    "redis://:pa55word@cache/0",
    "Bearer abc.def-ghi",
    "2@AbCdEfGhIjKlMnOpQrStUvWxYz0123456789,aaaa,bbbb",
    "/marketplace/onboarding?token=abcdef&x=1",
    "user_data_sign=0123456789abcdef",
    "%2B79990000001",
    "79990000001_1",
    "wa79990000001",
    "+7.999.000.00.01",
    "Bearer pa55word, User pa55word",
    'password="pa55word"',
    '{"token":"pa55word"}',
    "redis://pa55word@cache/0",
]
LEAKS = [
    "pa55word",
    "7999",
    "999 000",
    "999.000",
    "999)000",
    "ABCD-1234",
    "eyJ",
    "abc.def",
    "2@Ab",
    "abcdef",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("place", ["{}", "failed for {}: x", "https://host/a?{}", "'{}'"])
def test_secrets_in_texts_are_masked(secret: str, place: str) -> None:
    text = mask_text(place.format(secret if "?" not in place else f"user_data={secret}"))

    assert not [leak for leak in LEAKS if leak in text]


@pytest.mark.parametrize(
    "value",
    [
        "79990000001",
        ["79990000001"],
        {"a": {"b": "79990000001"}},
        ("x", "79990000001"),
        79990000001,
    ],
)
def test_secrets_in_structures_are_masked(value: object) -> None:
    event = mask_event(None, "info", {"event": "x", "phone_number": value, "details": str(value)})

    assert "7999" not in str(event)


@pytest.mark.parametrize(
    "event",
    [
        {"event": "session_changed", "company_id": "company_1001", "status": "connected"},
        {"event": "pairing_code_refused", "code": "RATE_LIMITED"},
        {"event": "x", "process_id": "host-123-abc", "waiting": 1234567, "port": 3003},
        {"event": "x", "started": "2026-11-21 05:10:00", "test_id": "ping_1764936000000_ab12"},
        {"event": "x", "latency_ms": 3.25, "timestamp": "2026-11-21T05:00:00.000000Z"},
    ],
)
def test_what_is_useful_stays(event: dict[str, Any]) -> None:
    assert mask_event(None, "info", dict(event)) == event


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr("sys.stderr", stream)
    configure_logging(LogSettings(), component="test")
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_library_and_we_share_one_masking_json_log(log: io.StringIO) -> None:
    structlog.get_logger("ours").info("linked", phone="79990000001", company_id="company_1001")
    logging.getLogger("library").warning("number %s, token %s", "79990000001", TOKEN)
    try:
        fail("no route for +7 999 000-00-01")
    except ValueError:
        structlog.get_logger("ours").exception("failed")

    ours, library, failed = (json.loads(line) for line in log.getvalue().splitlines())
    assert ours["event"] == "linked"
    assert ours["company_id"] == "company_1001"
    assert ours["component"] == library["component"] == "test"
    assert "ValueError" in failed["exception"]
    assert not [leak for leak in LEAKS if leak in log.getvalue()]


def fail(text: str) -> None:
    raise ValueError(text)


class KeptEvents(Transport):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.events.append(envelope.get_event())


def test_an_error_reaches_sentry_with_its_tags_and_without_secrets() -> None:
    settings = CommonSettings(
        database_url="postgresql://x/x",
        redis_url="redis://x",
        sentry_dsn="https://key@sentry.invalid/1",
    )
    configure_sentry(settings, component="api")
    client = sentry_sdk.get_client()
    assert client.transport is not None
    client.transport.kill()
    kept = KeptEvents()
    client.transport = kept
    try:
        fail("no session for 79990000001")
    except ValueError as error:
        capture(error, operation="link", company_id="company_1001")
    sentry_sdk.init()

    [event] = kept.events
    assert event["tags"] == {"component": "api", "operation": "link", "company_id": "company_1001"}
    assert "7999" not in json.dumps(event, default=str)
