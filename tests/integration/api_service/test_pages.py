"""Onboarding pages over real Socket.IO: what they are told, and the QR."""

import json
import time

import pytest

from api_service.core import linking
from shared.bus import keys
from shared.company_id import SalonId, session_id_of
from shared.messages.commands import Command
from shared.messages.status import Reason, SessionStatus
from tests.support.api import RunningApi, api_settings, running_api, token_for
from tests.support.page import Transport, open_page
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import WhatsAppSide

SALON = SalonId(1001)
SESSION = session_id_of(SALON)
OTHER = session_id_of(SalonId(1002))
PHONE = "79990000001"


async def test_a_page_is_told_the_present_state_at_once(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        assert (await page.next("status"))["status"] == "idle"

    await whatsapp.qr(SESSION, "qr-text")
    before_ms = time.time() * 1000
    async with open_page(api.url, token_for(SALON)) as page:
        assert (await page.next("status"))["status"] == "qr"
        shown = await page.next("qr-update")
        assert shown["qr"] == "qr-text"
        assert shown["image"].startswith("data:image/svg+xml;base64,")
        assert 0 < shown["expiresIn"] <= 20
        assert before_ms - 1 <= shown["serverTime"] <= time.time() * 1000

    await whatsapp.connected(SESSION, PHONE)
    async with open_page(api.url, token_for(SALON)) as page:
        told = await page.next("whatsapp-connected")
        assert (told["success"], told["phone"], told["sessionId"]) == (True, PHONE, SESSION)
        assert page.all("qr-update") == []


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_events_reach_every_page_of_the_salon_once_and_no_other(
    api: RunningApi, whatsapp: WhatsAppSide, transport: Transport
) -> None:
    async with (
        open_page(api.url, token_for(SALON), transport=transport) as one,
        open_page(api.url, token_for(SALON), transport=transport) as two,
        open_page(api.url, token_for(1002), transport=transport) as stranger,
    ):
        for page in (one, two, stranger):
            await page.next("status")
        await whatsapp.status(SESSION, SessionStatus.QUEUED, queue_position=2)
        await whatsapp.qr(SESSION, "qr-text")
        await whatsapp.connected(SESSION, PHONE)
        await whatsapp.status(SESSION, SessionStatus.CONNECTED, phone=PHONE)
        await whatsapp.status(OTHER, SessionStatus.ERROR, reason=Reason.LINKER_FAILED)
        failed = await stranger.next("status", 2)
        for page in (one, two):
            assert (await page.next("status", 2))["queuePosition"] == 2
            await page.next("whatsapp-connected")
            assert (await page.next("status", 3))["status"] == "connected"

    for page in (one, two):
        assert [name for name, _ in page.told] == [
            "status",
            "status",
            "qr-update",
            "whatsapp-connected",
            "status",
        ]
    assert failed["code"] == "LINKER_FAILED"
    assert failed["reason"] == "linker_failed"
    assert len(stranger.told) == 2


async def test_a_qr_is_asked_for_and_comes_once(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    async def react(command: Command) -> None:
        await whatsapp.result(command)
        await whatsapp.qr(command.company_id, "qr-text")

    whatsapp.reaction = react
    async with open_page(api.url, token_for(SALON)) as page:
        await page.next("status")
        await page.ask("request-qr")
        await page.next("qr-update")
        # While the request before is being finished, asking again changes nothing.
        await wait_until(lambda: api.application.connections.tasks == 1, what="only its expiry")
        await page.ask("request-qr")
        again = await page.next("qr-update", 2)

    assert again["qr"] == "qr-text"
    assert len(whatsapp.commands) == 1
    assert page.all("error") == []


@pytest.mark.usefixtures("whatsapp")
async def test_no_qr_in_time_is_told(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "LATE_S", PATIENCE_S)  # Redis is slow on a busy machine
    settings = api_settings(database_url, redis_url, qr_deadline_s=0.2)
    async with running_api(settings) as api, open_page(api.url, token_for(SALON)) as page:
        await page.ask("request-qr")
        assert (await page.next("error"))["code"] == "QR_TIMEOUT"


async def test_a_failed_attempt_is_told_once_by_its_status(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async def react(command: Command) -> None:
        await whatsapp.status(
            command.company_id, SessionStatus.ERROR, reason=Reason.WHATSAPP_UNREACHABLE
        )

    whatsapp.reaction = react
    async with open_page(api.url, token_for(SALON)) as page:
        await page.ask("request-qr")
        told = await page.next("status", 2)

    assert (told["status"], told["code"]) == ("error", "WHATSAPP_UNREACHABLE")
    assert page.all("error") == []


async def test_a_linked_salon_is_told_so_in_answer_to_any_request(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    await whatsapp.connected(SESSION, PHONE)
    async with open_page(api.url, token_for(SALON)) as page:
        await page.ask("request-qr")
        await page.next("whatsapp-connected", 2)
        await page.ask("request-pairing-code", {"phoneNumber": PHONE})
        await page.next("whatsapp-connected", 3)

    assert page.all("pairing-code-error") == []
    assert whatsapp.commands == []


NOT_UNDERSTOOD: list[tuple[str, object]] = [
    ("no-such-event", {}),
    ("request-qr", {"salon": 1}),
    ("request-qr", "x"),
    ("request-pairing-code", "79990000001"),
    ("request-pairing-code", ["79990000001"]),
    ("request-pairing-code", 5),
    ("request-pairing-code", None),
    ("trigger_event", {}),
    ("__init__", {}),
]


async def test_a_request_that_is_not_understood_changes_nothing(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        for count, (event, payload) in enumerate(NOT_UNDERSTOOD, start=1):
            await page.ask(event, payload)
            assert (await page.next("error", count))["code"] == "INVALID_REQUEST"
            assert page.in_namespace

    assert whatsapp.commands == []


async def test_the_events_of_an_outage_reach_the_page_as_the_present_state(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        await page.next("status")
        await whatsapp.redis.client_kill_filter(skipme=True, _type="pubsub")
        await whatsapp.status(SESSION, SessionStatus.QUEUED, queue_position=4)
        await wait_until(lambda: page.all("status")[-1].get("queuePosition") == 4)


async def test_an_old_event_is_not_news(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        await page.next("status")
        old = int(time.time() * 1000) - 61_000
        await whatsapp.redis.publish(
            keys.EVENTS_CHANNEL,
            f'{{"type":"connected","companyId":"{SESSION}","phoneNumber":"{PHONE}",'
            f'"eventId":"e1","epoch":1,"timestamp":{old}}}',
        )
        await page.next("status", 2)

    assert page.all("whatsapp-connected") == []
    assert page.all("status")[-1]["status"] == "idle"


async def test_the_documented_event_from_a_bare_client_reaches_the_page(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        await page.next("status")
        now = int(time.time() * 1000)
        connected = {"type": "connected", "phoneNumber": PHONE}
        for event in (connected, {"type": "logout"}):
            documented = {**event, "companyId": SESSION, "timestamp": now}
            await whatsapp.redis.publish(keys.EVENTS_CHANNEL, json.dumps(documented))
        await page.next("whatsapp-connected")
        assert (await page.next("status", 2))["status"] == "logged_out"
