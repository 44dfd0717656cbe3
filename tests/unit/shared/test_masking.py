"""Nothing secret stays in a text or a structure, and what is useful does."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from shared.masking import hide, mask_event, mask_text

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzYWxvbl9pZCI6MTAwMX0.c2lnbmF0dXJl"
SECRETS = [
    TOKEN,
    "aia_Qw3rtYuiopAsdfghjklZxcvbnm-_QwErTyUiOpAsdfg",
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
    "/webhook/yclients/hook/1001/pa55word",
    "x.79990000001",
    "call:79990000001.",
    "company_1001_79990000001",
    "7 (999) 000 00 01",
    "+7%20999%20000-00-01",
    "8\u2011999\u2013000 00\u00a001",
    "79990000001:34@s.whatsapp.net",
    "ABCD1234",
    "ABCD 1234",
    "-ABCD-1234-",
    "ABCD\u20131234",
    "WXYZWXYZ",
    "eyJpZCI6NTAxLCJuYW1lIjoiQW5uYSJ9",
    "eyJpZCI6NTAxLCJuYW1lIjoiQW5uYSJ9%3D%3D",
    "anna.owner+1@salon.example",
    "0123456789abcdef" * 4,
    "data:image/svg+xml;base64,PHN2ZyB4bWxucz0i",
]
LEAKS = [
    "pa55word",
    "Qw3rtY",
    "7999",
    "999 000",
    "999.000",
    "999)000",
    "ABCD-1234",
    "eyJ",
    "abc.def",
    "2@Ab",
    "abcdef",
    "999\u2013",
    "ABCD1234",
    "ABCD 1234",
    "ABCD\u20131234",
    "WXYZWXYZ",
    "eyJp",
    "anna",
    "PHN2",
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
        {"event": "x", "process_id": "ip-10-0-0-12-1234567-123456", "salon_id": 79990000001},
        {"event": "bus_event_invalid", "fault": "int_parsing at connected.timestamp"},
        {"event": "x", "at": 1764936000000, "seconds": "1764936000", "entry": "1764936000000-0"},
        {"event": "x", "id": "019af12345678901-x", "uuid": "12345678-1234-4234-8234-123456789012"},
        {"event": "x", "command": "19b12345678-12345678901234567890", "trace": "1" * 31 + "a"},
        {
            "event": "x",
            "where": "192.168.100.200:35501",
            "version": "neonize 0.5.2",
            "f": "0.1234567890123",
        },
        {"event": "x", "text": "read ONLY replica of company_123456789012345", "size": 123456789},
        {"event": "x", "latency_ms": 3.25, "timestamp": "2026-11-21T05:00:00.000000Z"},
    ],
)
def test_what_is_useful_stays(event: dict[str, Any]) -> None:
    assert mask_event(None, "info", dict(event)) == event


@pytest.mark.parametrize("number", [79990000001, 998900000001, 375290000001])
def test_a_number_as_a_number_is_masked(number: int) -> None:
    assert mask_event(None, "info", {"event": "x", "subject": number}) == {
        "event": "x",
        "subject": "<number>",
    }


def test_the_names_of_fields_are_masked() -> None:
    assert "7999" not in str(mask_event(None, "info", {"event": "x", "by": {"79990000001": 1}}))


@pytest.mark.parametrize("unit", ["1 ", "7", "a", "eyJ", "A1", "a@", "://", "1-", "0.", "%20", "."])
def test_no_text_takes_long(unit: str) -> None:
    started = time.process_time()

    mask_text(unit * 200_000)

    assert time.process_time() - started < 1


@pytest.fixture
def hiding() -> Iterator[None]:
    yield
    hide([])


@pytest.mark.usefixtures("hiding")
def test_given_secrets_are_hidden_in_every_way_of_writing_them() -> None:
    hide(
        ["jwt-Secret-1234", "socks5://user:p%40ss%2Fword@proxy:1080", "redis://cache", "", "short"]
    )

    text = mask_text("jwt-Secret-1234 p@ss/word p%40ss%2Fword p%2540ss%252Fword short cache user")

    assert text == "<masked> <masked> <masked> <masked> short cache user"


@pytest.mark.usefixtures("hiding")
def test_a_password_that_is_no_secret_is_not_looked_for() -> None:
    hide(["postgres://postgres:postgres@localhost/x"])

    assert mask_text("the postgres pool") == "the postgres pool"
