"""Whatever can happen has a text, and what a person can do next."""

import re

import pytest

from shared.errors import AppError, ErrorCode
from shared.messages.status import Reason, SessionStatus
from shared.texts import ERROR_TEXTS, STATUS_TEXTS, status_text

NOTHING_TO_DO = {ErrorCode.ALREADY_CONNECTED}


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_a_russian_text_and_a_next_step(code: ErrorCode) -> None:
    text = ERROR_TEXTS[code]

    assert re.search("[а-яё]", text.message)
    assert text.next_step or code in NOTHING_TO_DO
    assert 400 <= AppError(code).http_status < 600


@pytest.mark.parametrize("status", SessionStatus)
def test_every_status_has_a_russian_text(status: SessionStatus) -> None:
    assert re.search("[а-яё]", STATUS_TEXTS[status].message)


def test_a_reason_says_more_than_the_status() -> None:
    plain = status_text(SessionStatus.ERROR)

    assert status_text(SessionStatus.ERROR, Reason.WHATSAPP_UNREACHABLE) != plain
    assert status_text(SessionStatus.ERROR, Reason.SOCKET_LOST) == plain
