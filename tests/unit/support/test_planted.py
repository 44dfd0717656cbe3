"""The search for planted secrets finds them in whatever form they were written."""

import pytest

from tests.support import planted
from tests.support.planted import Planted

TOKEN = planted.token("token", "eyJhbGciOiJIUzI1NiJ9.eyJzYWxvbl9pZCI6MTAwMX0.c2lnbmF0dXJl")
SECRET = planted.secret("password", "pa55:word/ж")
NUMBER = planted.number("phone", "79990000001")
CODE = planted.code("code", "ABCD-1234")
QR = planted.qr("qr", "2@SecretRef,public+key/1,public+key/2,adv")


@pytest.mark.parametrize(
    ("sought", "line"),
    [
        (TOKEN, "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzYWxvbl9pZCI6MTAwMX0.c2lnbmF0dXJl"),
        (TOKEN, "claims eyJzYWxvbl9pZCI6MTAwMX0 only"),
        (TOKEN, "signature=c2lnbmF0dXJl"),
        (SECRET, "x pa55:word/ж x"),
        (SECRET, "redis://:pa55%3Aword%2F%D0%B6@cache"),
        (SECRET, '{"password":"pa55:word/\\u0436"}'),
        (SECRET, "Basic cGE1NTp3b3JkL9C2"),
        (NUMBER, "79990000001"),
        (NUMBER, "wa79990000001:34@s.whatsapp.net"),
        (NUMBER, "9990000001"),
        (NUMBER, "8 (999) 000-00-01"),
        (NUMBER, "%2B7%20999%20000%2D00%2D01"),
        (NUMBER, "7.9.9.9.0.0.0.0.0.0.1"),
        (NUMBER, "['9', '9', '9', '0', '0', '0', '0', '0', '0', '1']"),
        (CODE, "abcd1234"),
        (CODE, "ABCD\u20131234"),
        (CODE, "code ABCD 1234"),
        (QR, "https://wa.me/settings/linked_devices#2@SecretRef"),
        (QR, "key public+key/2 of a device"),
    ],
)
def test_what_was_planted_is_found(sought: Planted, line: str) -> None:
    assert planted.traces([sought], f"harmless\n{line}\n") == [f"{sought.what} in line 2"]


@pytest.mark.parametrize("sought", [TOKEN, SECRET, NUMBER, CODE, QR], ids=lambda each: each.what)
def test_what_is_not_there_is_not_found_and_the_value_is_not_shown(sought: Planted) -> None:
    line = '{"event": "linked", "timestamp": "2026-11-21T09:09:00.000001Z", "phone": "7*01"}'

    assert planted.traces([sought], line) == []
    assert sought.value not in repr(sought)
