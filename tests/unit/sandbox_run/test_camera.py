"""The camera sees QR events and nothing else: anyone may write to the channel."""

import json

import pytest

from sandbox.run.camera import qr_of


def test_a_qr_event_is_seen() -> None:
    event = {"type": "qr", "companyId": "company_1001", "qr": "2@abc", "expiresIn": 20}
    assert qr_of(json.dumps(event)) == ("company_1001", "2@abc")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "1",
        "null",
        "[" * 100_000,
        '{"type":"ping"}',
        '{"type":"qr"}',
        '{"type":"qr","qr":"x"}',
    ],
    ids=str.__len__,
)
def test_anything_else_is_not(text: str) -> None:
    assert qr_of(text) is None
