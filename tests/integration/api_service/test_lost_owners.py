"""What pages and callers see of a salon whose WhatsApp process gives no sign of life."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from api_service.core import linking
from api_service.settings import ApiSettings
from shared.company_id import SalonId, session_id_of
from shared.messages.commands import Command
from shared.messages.status import SessionStatus
from tests.support.api import RunningApi, api_settings, running_api, token_for
from tests.support.heart import beating
from tests.support.page import Page, open_page
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import WhatsAppSide, whatsapp_side

SALON, LINKED_SALON = SalonId(1001), SalonId(1002)
SESSION, LINKED_SESSION = session_id_of(SALON), session_id_of(LINKED_SALON)
PHONE = "79990000001"
OWNER = "host-1-aaaaaa"


@pytest.fixture
def settings(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> ApiSettings:
    """Long enough for a command to arrive on a busy machine, where Redis may be slow."""
    monkeypatch.setattr(linking, "LATE_S", PATIENCE_S)
    return api_settings(database_url, redis_url, qr_deadline_s=1.5, code_deadline_s=1.5)


async def told(page: Page, matches: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
    """The status that matches and is the newest."""
    await wait_until(
        lambda: page.all("status") and matches(page.all("status")[-1]), what=f"told: {what}"
    )
    status: dict[str, Any] = page.all("status")[-1]
    return status


async def test_pages_are_told_that_the_process_is_lost_and_that_it_is_back(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    whatsapp.process_id = OWNER
    async with (
        open_page(api.url, token_for(SALON)) as page,
        open_page(api.url, token_for(LINKED_SALON)) as linked,
    ):
        async with beating(whatsapp.redis, OWNER):
            await whatsapp.qr(SESSION, "qr-text", lifetime_s=60)
            await page.next("qr-update")
            await whatsapp.connected(LINKED_SESSION, PHONE)
            await linked.next("whatsapp-connected")

        lost = await told(page, lambda it: it.get("reason") == "owner_lost", "lost")
        assert (lost["status"], lost["code"]) == ("error", "SERVICE_UNAVAILABLE")
        assert lost["message"]
        assert lost["nextStep"]
        lost = await told(linked, lambda it: it.get("reason") == "owner_lost", "lost")
        assert (lost["status"], lost["phone"]) == ("reconnecting", PHONE)

        async with beating(whatsapp.redis, OWNER):
            await told(linked, lambda it: "reason" not in it, "back")
            assert (await linked.next("whatsapp-connected", 2))["phone"] == PHONE
            assert (await page.next("qr-update", 2))["qr"] == "qr-text"


async def test_nothing_of_a_dead_process_is_believed_or_served(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    whatsapp.process_id = OWNER
    async with open_page(api.url, token_for(SALON)) as page:
        async with beating(whatsapp.redis, OWNER):
            await whatsapp.qr(SESSION, "qr-text", lifetime_s=60)
            await whatsapp.connected(LINKED_SESSION, PHONE)
            await page.next("qr-update")  # else a request now fails with those in its hands
        await told(page, lambda it: it.get("reason") == "owner_lost", "lost")

    lost, linked = await status_of(api, SALON), await status_of(api, LINKED_SALON)
    assert (lost["status"], lost["hasQR"]) == ("error", False)
    assert (linked["status"], linked["connected"]) == ("reconnecting", False)
    company = (await api.http.get(f"/health/company/{LINKED_SESSION}")).json()
    assert (company["connected"], company["reason"]) == (False, "owner_lost")
    assert company["linked"]
    counts = (await api.http.get("/health/whatsapp")).json()["sessions"]
    assert counts["byStatus"] == {"error": 1, "reconnecting": 1}
    assert (await api.post_qr(token_for(LINKED_SALON))).json()["code"] == "ALREADY_CONNECTED"
    assert (await api.post_qr(token_for(SALON))).json()["code"] == "QR_TIMEOUT"
    assert len(whatsapp.commands + whatsapp.refused) == 1
    async with open_page(api.url, token_for(SALON)) as page:
        assert (await page.next("status"))["reason"] == "owner_lost"
        assert page.all("qr-update") == []


async def test_a_request_in_the_hands_of_a_process_that_dies_is_not_waited_for(
    database_url: str, redis_url: str, whatsapp: WhatsAppSide
) -> None:
    """The deadlines are the real ones here: 13 s and 20 s."""
    whatsapp.process_id = OWNER
    async with (
        running_api(api_settings(database_url, redis_url)) as api,
        open_page(api.url, token_for(SALON)) as page,
    ):
        async with beating(whatsapp.redis, OWNER):
            await page.ask("request-qr")
            await page.ask("request-pairing-code", {"phoneNumber": PHONE})
            await wait_until(lambda: len(whatsapp.commands) == 2)
            await whatsapp.status(SESSION, SessionStatus.CONNECTING)
        died = time.monotonic()

        await wait_until(lambda: page.all("error") and page.all("pairing-code-error"))

        assert time.monotonic() - died < 12
        assert page.all("error")[0]["code"] == "SERVICE_UNAVAILABLE"
        assert page.all("pairing-code-error")[0]["cause"] == "SERVICE_UNAVAILABLE"
        assert page.all("status")[-1]["reason"] == "owner_lost"


async def test_without_any_process_requests_are_refused_until_one_is_there(
    api: RunningApi, redis_url: str
) -> None:
    """What they cost the breaker is forgotten then."""
    async with open_page(api.url, token_for(SALON)) as page:
        async with whatsapp_side(redis_url) as gone:
            await gone.status(SESSION, SessionStatus.CONNECTING)
        await told(page, lambda it: it.get("reason") == "owner_lost", "lost")
        await page.ask("request-pairing-code", {"phoneNumber": PHONE})
        refused = await page.next("pairing-code-error")
        assert (refused["code"], refused["cause"]) == ("PAIRING_CODE_FAILED", "SERVICE_UNAVAILABLE")
    await asyncio.gather(*(api.post_qr(token_for(2000 + number)) for number in range(5)))
    await wait_until(lambda: refused_for_a_minute(api))
    async with whatsapp_side(redis_url) as whatsapp:

        async def react(command: Command) -> None:
            await whatsapp.qr(command.company_id, "qr-text")

        whatsapp.reaction = react

        async def given() -> bool:
            return bool((await api.post_qr(token_for(SALON))).json().get("qr") == "qr-text")

        await wait_until(given)
        assert len(whatsapp.commands) == 1


async def refused_for_a_minute(api: RunningApi) -> bool:
    """What was refused for want of a process has opened the breaker."""
    refused = await api.post_qr(token_for(SALON))
    assert refused.status_code == 503
    return 20 < int(refused.json()["retry_after"]) <= 60


async def status_of(api: RunningApi, salon: SalonId) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token_for(salon)}"}
    path = f"/marketplace/api/status/{session_id_of(salon)}"
    answer: dict[str, Any] = (await api.http.get(path, headers=headers)).json()
    return answer
