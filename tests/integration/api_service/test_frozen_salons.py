"""A salon whose subscription has ended: its pages are told, and nothing is offered to link."""

import asyncio

import pytest

from api_service.settings import ApiSettings
from shared.company_id import SalonId, session_id_of
from shared.messages.commands import Command
from shared.messages.status import Reason, SessionStatus
from tests.support.api import RunningApi, api_settings, token_for
from tests.support.heart import beating
from tests.support.page import open_page
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import WhatsAppSide

SALON, OTHER_SALON = SalonId(1001), SalonId(1002)
SESSION, OTHER_SESSION = session_id_of(SALON), session_id_of(OTHER_SALON)
PHONE = "79990000001"
OWNER = "host-1-aaaaaa"


@pytest.fixture
def settings(database_url: str, redis_url: str) -> ApiSettings:
    return api_settings(database_url, redis_url, qr_deadline_s=30, code_deadline_s=30)


async def freeze(whatsapp: WhatsAppSide, phone: str | None = PHONE) -> None:
    await whatsapp.status(SESSION, SessionStatus.FROZEN, reason=Reason.FROZEN, phone=phone)


async def test_a_frozen_salon_is_refused_a_qr_and_a_code_at_once(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    await freeze(whatsapp)
    async with open_page(api.url, token_for(SALON)) as page:
        told = await page.next("status")
        await page.ask("request-qr")
        qr_refused = await page.next("error")
        await page.ask("request-pairing-code", {"phoneNumber": PHONE})
        code_refused = await page.next("pairing-code-error")
        again = await page.next("status", 3)
    over_http = await api.post_qr(token_for(SALON))

    assert (told["status"], told["reason"], told["code"], told["phone"]) == (
        *("frozen", "frozen", "SALON_FROZEN"),
        PHONE,
    )
    assert "YClients" in told["nextStep"]
    assert qr_refused["code"] == "SALON_FROZEN"
    assert (code_refused["code"], code_refused["cause"]) == ("PAIRING_CODE_FAILED", "SALON_FROZEN")
    assert again["status"] == "frozen"
    assert (over_http.status_code, over_http.json()["code"]) == (409, "SALON_FROZEN")
    assert whatsapp.commands == []


async def test_a_request_that_meets_the_freeze_is_answered_by_it(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    """And costs the breaker nothing: it would close the door to all other salons."""

    async def react(_command: Command) -> None:
        await freeze(whatsapp, phone=None)

    async def refused() -> int:
        await whatsapp.status(SESSION, SessionStatus.IDLE)
        answer = await api.post_qr(token_for(SALON))
        assert answer.json()["code"] == "SALON_FROZEN"
        return answer.status_code

    whatsapp.reaction = react
    assert [await refused() for _ in range(6)] == [409] * 6


async def test_a_frozen_salon_waits_for_no_process(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    """Nothing of it changes when the process that told it is killed."""
    whatsapp.process_id = OWNER
    async with open_page(api.url, token_for(SALON)) as page:
        await page.next("status")
        async with beating(whatsapp.redis, OWNER):
            await freeze(whatsapp)
            await whatsapp.connected(OTHER_SESSION, PHONE)
            await page.next("status", 2)

        async def found_out() -> bool:
            other = await api.http.get(f"/health/company/{OTHER_SESSION}")
            return bool(other.json()["reason"] == "owner_lost")

        await wait_until(found_out)
        frozen = (await api.http.get(f"/health/company/{SESSION}")).json()
        refused = await asyncio.wait_for(api.post_qr(token_for(SALON)), 20)

        assert (frozen["status"], frozen["reason"], frozen["linked"]) == ("frozen", "frozen", True)
        assert refused.json()["code"] == "SALON_FROZEN"
        assert [told["status"] for told in page.all("status")] == ["idle", "frozen"]


async def test_a_frozen_salon_without_a_number_is_not_forgotten(whatsapp: WhatsAppSide) -> None:
    """Other snapshots of unlinked salons go after a day."""
    await freeze(whatsapp, phone=None)
    assert await whatsapp.redis.ttl(f"whatsapp:session:{SESSION}") == -1

    await whatsapp.status(SESSION, SessionStatus.IDLE)
    assert await whatsapp.redis.ttl(f"whatsapp:session:{SESSION}") > 0
