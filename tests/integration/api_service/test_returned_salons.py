"""Salons that come back: after an uninstall, which their session tells long after, or unlinked."""

import pytest

from api_service.core import standing
from shared.company_id import SalonId, session_id_of
from shared.messages.status import Reason, SessionStatus
from tests.support.api import RunningApi, token_for
from tests.support.page import open_page
from tests.support.salon_rows import SalonRows
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import WhatsAppSide

SALON = SalonId(1001)
SESSION = session_id_of(SALON)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """With Postgres: without its word in time a salon is shown as its session says."""
    monkeypatch.setattr(standing, "PATIENCE_S", PATIENCE_S)


@pytest.fixture
def salons(database_url: str) -> SalonRows:
    rows = SalonRows(database_url)
    rows.add(SALON, "uninstalled")
    return rows


async def uninstalled(whatsapp: WhatsAppSide) -> None:
    await whatsapp.status(SESSION, SessionStatus.LOGGED_OUT, reason=Reason.UNINSTALLED)


async def test_its_owner_is_offered_the_linking_and_not_the_way_back(
    api: RunningApi, whatsapp: WhatsAppSide, salons: SalonRows
) -> None:
    await uninstalled(whatsapp)
    async with open_page(api.url, token_for(SALON)) as before:
        gone = await before.next("status")
    await salons.connect_anew(SALON)
    async with open_page(api.url, token_for(SALON)) as after:
        back = await after.next("status")

    assert (gone["status"], gone["reason"]) == ("logged_out", "uninstalled")
    assert "YClients" in gone["nextStep"]
    assert (back["status"], back.get("reason")) == ("idle", None)


@pytest.mark.usefixtures("salons")
async def test_who_asks_for_a_salon_that_has_left_is_shown_the_way_back(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    """The session of one that was frozen, too, says only that nothing is linked."""
    await whatsapp.status(SESSION, SessionStatus.IDLE)
    async with open_page(api.url, token_for(SALON)) as page:
        await page.next("status")
        await page.ask("request-qr")
        refused = await page.next("error")
        shown = await page.next("status", 2)
        await page.ask("request-pairing-code", {"phoneNumber": "79990000001"})
        again = await page.next("status", 3)

    assert refused["code"] == "REGISTRATION_NOT_FOUND"
    for told in (shown, again):
        assert (told["status"], told["reason"]) == ("logged_out", "uninstalled")
    assert whatsapp.commands == []


async def test_the_uninstall_is_told_late(
    api: RunningApi, whatsapp: WhatsAppSide, salons: SalonRows
) -> None:
    """By a WhatsApp process that was away, when the salon has come back already."""
    async with open_page(api.url, token_for(SALON)) as page:
        await page.next("status")
        await uninstalled(whatsapp)
        await wait_until(lambda: page.all("status")[-1]["status"] == "logged_out")
        await salons.connect_anew(SALON)
        await uninstalled(whatsapp)
        await wait_until(lambda: page.all("status")[-1]["status"] == "idle")


async def test_a_salon_that_is_linked_again_is_told_to_be_active_still(
    api: RunningApi, whatsapp: WhatsAppSide, salons: SalonRows
) -> None:
    """Nothing is activated by it, and yet its page is to say how it stands in YClients."""
    await salons.change(
        "UPDATE companies SET integration_status = 'active', whatsapp_connected = false"
    )
    async with open_page(api.url, token_for(SALON)) as page:
        await page.next("status")
        assert page.all("activation") == []
        await whatsapp.connected(SESSION, "79990000001")
        told = await page.next("activation")

    assert told["status"] == "active"
