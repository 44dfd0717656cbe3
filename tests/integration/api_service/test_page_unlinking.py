"""An owner who unlinks the salon, over real Socket.IO."""

import pytest

from api_service.core import linking, session_orders
from shared.company_id import SalonId, session_id_of
from shared.errors import ErrorCode
from shared.messages.commands import Command, Unlink
from shared.messages.status import Reason, SessionStatus
from tests.support.api import RunningApi, token_for
from tests.support.page import open_page
from tests.support.waiting import PATIENCE_S
from tests.support.whatsapp_side import WhatsAppSide

SALON = SalonId(1001)
SESSION = session_id_of(SALON)
PHONE = "79990000001"


async def test_an_unlinked_salon_is_told_to_its_pages_once(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async def react(command: Command) -> None:
        await whatsapp.status(SESSION, SessionStatus.LOGGED_OUT, reason=Reason.UNLINKED)
        await whatsapp.result(command)

    whatsapp.reaction = react
    await whatsapp.connected(SESSION, PHONE)
    async with open_page(api.url, token_for(SALON)) as page:
        await page.next("whatsapp-connected")
        await page.ask("unlink")
        told = await page.next("status", 2)

    assert (told["status"], told["reason"]) == ("logged_out", "unlinked")
    assert "отвязан" in told["message"]
    assert "Связанные устройства" in told["nextStep"]
    assert len(page.all("status")) == 2
    assert page.all("error") == []
    [command] = whatsapp.commands
    assert isinstance(command, Unlink)
    assert command.company_id == SESSION


async def test_a_failure_is_told_to_the_page_that_asked(
    api: RunningApi, whatsapp: WhatsAppSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def react(command: Command) -> None:
        await whatsapp.result(command, ErrorCode.UNLINK_FAILED)

    whatsapp.reaction = react
    async with (
        open_page(api.url, token_for(SALON)) as page,
        open_page(api.url, token_for(SALON)) as other,
    ):
        await page.ask("unlink", {})
        refused = await page.next("error")
        monkeypatch.setattr(session_orders, "UNLINK_S", 0.1)
        monkeypatch.setattr(linking, "LATE_S", PATIENCE_S)  # Redis is slow on a busy machine
        whatsapp.reaction = None
        await page.ask("unlink", None)
        unanswered = await page.next("error", 2)

    for told in (refused, unanswered):
        assert told["code"] == "UNLINK_FAILED"
        assert told["nextStep"]
    assert other.all("error") == []


async def test_a_payload_is_not_understood(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        await page.ask("unlink", {"salon": 1002})
        told = await page.next("error")

    assert told["code"] == "INVALID_REQUEST"
    assert whatsapp.commands == []
