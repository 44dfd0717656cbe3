"""Commands that no session carries out: answered, and nobody's snapshot is touched."""

import pytest

from shared.bus.snapshots import PresentState, Snapshots
from shared.company_id import SessionId
from shared.errors import ErrorCode
from shared.messages.commands import Command, RequestPairingCode, RequestQr, Unlink
from shared.messages.events import PairingCodeError, StatusChanged
from shared.messages.snapshot import Snapshot
from shared.messages.status import Reason, SessionStatus
from tests.support.session_stage import SALON, Heard, command
from whatsapp_service.sessions.refusals import Refusals

PHONE = "79990000001"


class Present(Snapshots):
    def __init__(self, status: SessionStatus | None) -> None:
        self.snapshot = (
            Snapshot(company_id=SALON, status=status, epoch=9, process_id="another")
            if status
            else None
        )

    async def present_state(self, _session_id: SessionId) -> PresentState:
        return PresentState(self.snapshot, None, None)


@pytest.mark.parametrize("status", [None, SessionStatus.QR_EXPIRED, SessionStatus.QR])
async def test_a_page_that_waits_for_a_qr_is_told_why_none_comes(
    status: SessionStatus | None,
) -> None:
    heard, asked = Heard(), command(RequestQr)

    await Refusals(heard, Present(status)).tell(asked, ErrorCode.SERVICE_UNAVAILABLE)

    [told] = heard.events(StatusChanged)
    assert (told.status, told.reason) == (SessionStatus.ERROR, Reason.STORE_UNAVAILABLE)
    assert told.epoch == (9 if status else 1)
    assert heard.answers(asked) == [ErrorCode.SERVICE_UNAVAILABLE]
    assert all(said.news_only and said.keep_qr and said.keep_code for said in heard.said)


@pytest.mark.parametrize("status", [SessionStatus.CONNECTED, SessionStatus.FROZEN])
async def test_of_a_salon_that_is_linked_nothing_is_said_but_the_answer(
    status: SessionStatus,
) -> None:
    heard, asked = Heard(), command(RequestQr)
    await Refusals(heard, Present(status)).tell(asked, ErrorCode.SERVICE_UNAVAILABLE)
    assert len(heard.said) == 1


async def test_whoever_waits_for_a_code_is_told_before_the_answer() -> None:
    heard, asked = Heard(), command(RequestPairingCode, phone_number=PHONE)

    await Refusals(heard, Present(None)).tell(asked, ErrorCode.SERVICE_UNAVAILABLE)

    assert isinstance(heard.said[0].event, PairingCodeError)
    assert heard.said[0].event.command_id == asked.command_id
    assert heard.answers(asked) == [ErrorCode.SERVICE_UNAVAILABLE]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (command(RequestPairingCode, phone_number=PHONE), ErrorCode.COMMAND_EXPIRED),
        (command(RequestQr), ErrorCode.COMMAND_EXPIRED),
        (command(Unlink), ErrorCode.SERVICE_UNAVAILABLE),
    ],
)
async def test_other_refusals_are_answered_and_no_news_for_pages(
    asked: Command, code: ErrorCode
) -> None:
    heard = Heard()
    await Refusals(heard, Present(None)).tell(asked, code)
    assert heard.answers(asked) == [code]
    assert len(heard.said) == 1
