"""Onboarding pages over real Socket.IO: what they are told, asked for and refused."""

import asyncio
import contextlib
import json
import time

import jwt
import pytest
from websockets.exceptions import InvalidStatus

from api_service.realtime import idle_sockets
from api_service.settings import ApiSettings
from shared.bus import keys
from shared.company_id import SalonId, session_id_of
from shared.errors import ErrorCode
from shared.messages.commands import Command, RequestPairingCode
from shared.messages.status import Reason, SessionStatus
from tests.support.api import JWT_SECRET, RunningApi, api_settings, running_api, token_for
from tests.support.page import NAMESPACE, RefusedError, Transport, open_page
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import WhatsAppSide, whatsapp_side

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
    async with open_page(api.url, token_for(SALON)) as page:
        assert (await page.next("status"))["status"] == "qr"
        shown = await page.next("qr-update")
        assert shown["qr"] == "qr-text"
        assert shown["image"].startswith("data:image/svg+xml;base64,")
        assert 0 < shown["expiresIn"] <= 20
        assert abs(shown["serverTime"] - time.time() * 1000) < 2_000

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


async def test_the_token_is_taken_from_header_auth_or_query(api: RunningApi) -> None:
    token = token_for(SALON)
    async with open_page(api.url, None, headers={"Authorization": f"Bearer {token}"}) as page:
        await page.next("status")
    async with open_page(api.url, token) as page:
        await page.next("status")
    async with open_page(api.url, None, query=f"&token={token}") as page:
        await page.next("status")


def _token(**changes: object) -> str:
    now = int(time.time())
    claims = {
        "company_id": 1,
        "salon_id": int(SALON),
        "company_title": "Салон",
        "type": "marketplace_registration",
        "user_data": {},
        "iat": now,
        "exp": now + 3600,
        **changes,
    }
    return jwt.encode(claims, JWT_SECRET, algorithm="HS256")


async def test_a_refused_page_is_told_why_and_disconnected(api: RunningApi) -> None:
    refused = [
        (None, "TOKEN_MISSING"),
        ("garbage", "TOKEN_INVALID"),
        (_token(exp=1), "TOKEN_EXPIRED"),
        (_token(type="other"), "TOKEN_INVALID"),
        (jwt.encode({"salon_id": 1}, "", algorithm="none"), "TOKEN_INVALID"),
    ]
    for token, code in refused:
        async with open_page(api.url, token) as page:
            told = await page.next("error")
            await page.gone()

        assert told["code"] == code
        assert told["message"]
        assert told["nextStep"]
    assert len(api.application.connections) == 0


async def test_a_page_whose_token_expires_is_told_and_let_go(api: RunningApi) -> None:
    async with open_page(api.url, _token(exp=int(time.time()) + 2)) as page:
        await page.next("status")
        assert (await page.next("error"))["code"] == "TOKEN_EXPIRED"
        await page.gone()

    await wait_until(lambda: len(api.application.connections) == 0)


async def test_connections_are_limited_by_token_and_by_address(
    database_url: str, redis_url: str
) -> None:
    settings = api_settings(
        database_url,
        redis_url,
        connections_per_token_per_minute=2,
        connections_per_address_per_minute=5,
    )
    token, others = token_for(SALON), [token_for(2000 + n) for n in range(3)]

    async def outcome(api: RunningApi, token: str) -> str:
        async with open_page(api.url, token) as page:
            await wait_until(lambda: page.told)
            name, payload = page.told[0]
            return payload["code"] if name == "error" else "welcome"

    async with running_api(settings) as api, running_api(settings) as second:
        assert await outcome(api, token) == "welcome"
        assert await outcome(second, token) == "welcome"
        assert await outcome(second, token) == "TOO_MANY_CONNECTIONS"
        assert await outcome(api, others[0]) == "welcome"
        assert await outcome(api, others[1]) == "welcome"
        assert await outcome(api, others[2]) == "TOO_MANY_CONNECTIONS"


async def test_a_qr_is_asked_for_and_comes_once(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    async def react(command: Command) -> None:
        await whatsapp.result(command)
        await whatsapp.qr(command.company_id, "qr-text")

    whatsapp.reaction = react
    async with open_page(api.url, token_for(SALON)) as page:
        await page.next("status")
        await page.ask("request-qr")
        await page.next("qr-update")
        await page.ask("request-qr")
        again = await page.next("qr-update", 2)

    assert again["qr"] == "qr-text"
    assert len(whatsapp.commands) == 1
    assert page.all("error") == []


async def test_no_qr_in_time_is_told(database_url: str, redis_url: str) -> None:
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


async def test_a_code_is_asked_for_in_any_form_of_the_number(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async def react(command: Command) -> None:
        await whatsapp.code(command)
        await whatsapp.result(command)

    whatsapp.reaction = react
    async with open_page(api.url, token_for(SALON)) as page:
        await page.ask("request-pairing-code", {"phoneNumber": "8 (999) 000-00-01"})
        shown = await page.next("pairing-code")
        await page.ask("request-pairing-code", {"phoneNumber": "+79990000001"})
        again = await page.next("pairing-code", 2)

    assert (shown["code"], shown["phoneNumber"]) == ("ABCD-1234", PHONE)
    assert shown["expiresIn"] == 50
    assert again["code"] == shown["code"]
    assert again["expiresAt"] == shown["expiresAt"]
    [command] = whatsapp.commands
    assert isinstance(command, RequestPairingCode)
    assert command.phone_number == PHONE


ODD_NUMBERS: list[tuple[object, str]] = [
    ({}, "PHONE_REQUIRED"),
    ({"phoneNumber": ""}, "PHONE_REQUIRED"),
    ({"phoneNumber": None}, "PHONE_REQUIRED"),
    ({"phoneNumber": 79990000001}, "INVALID_PHONE_FORMAT"),
    ({"phoneNumber": ["7"]}, "INVALID_PHONE_FORMAT"),
    ({"phoneNumber": "123"}, "INVALID_PHONE_FORMAT"),
    ({"phoneNumber": "7" * 5000}, "INVALID_PHONE_FORMAT"),
]


async def test_an_odd_number_is_refused(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        for count, (payload, code) in enumerate(ODD_NUMBERS, start=1):
            await page.ask("request-pairing-code", payload)
            told = await page.next("pairing-code-error", count)
            assert told["code"] == code, payload
            assert told["message"]

    assert whatsapp.commands == []


async def test_an_error_of_the_other_side_reaches_the_page_once(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    answers = [
        (ErrorCode.BAILEYS_ERROR, "BAILEYS_ERROR", None),
        (ErrorCode.PAIRING_CODE_FAILED, "PAIRING_CODE_FAILED", None),
        (ErrorCode.LINKER_QUEUE_FULL, "PAIRING_CODE_FAILED", "LINKER_QUEUE_FULL"),
    ]
    async with open_page(api.url, token_for(SALON)) as page:
        for count, (answered, code, cause) in enumerate(answers, start=1):

            async def react(command: Command, answered: ErrorCode = answered) -> None:
                await whatsapp.refuse_code(command, answered)
                await whatsapp.status(SESSION, SessionStatus.QR)

            whatsapp.reaction = react
            await page.ask("request-pairing-code", {"phoneNumber": PHONE})
            await page.next("status", 1 + count)
            told = page.all("pairing-code-error")
            assert len(told) == count
            assert (told[-1]["code"], told[-1].get("cause")) == (code, cause)
            await wait_until(lambda: _free(whatsapp))


async def test_a_code_that_does_not_come_is_told_and_may_be_asked_again(
    database_url: str, redis_url: str, whatsapp: WhatsAppSide
) -> None:
    settings = api_settings(database_url, redis_url, code_deadline_s=0.2)
    async with running_api(settings) as api, open_page(api.url, token_for(SALON)) as page:
        for count in range(1, 6):
            await page.ask("request-pairing-code", {"phoneNumber": PHONE})
            told = await page.next("pairing-code-error", count)
            assert told["code"] == "PAIRING_CODE_FAILED"

    assert len(whatsapp.commands) == 5


async def test_codes_are_limited_by_number_also_over_salons(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async def react(command: Command) -> None:
        await whatsapp.code(command, lifetime_s=0.05)

    whatsapp.reaction = react
    for salon in (1001, 1002, 1003):
        async with open_page(api.url, token_for(salon)) as page:
            await page.ask("request-pairing-code", {"phoneNumber": PHONE})
            await page.next("pairing-code")
    async with open_page(api.url, token_for(1004)) as page:
        await page.ask("request-pairing-code", {"phoneNumber": PHONE})
        told = await page.next("pairing-code-error")
        assert told["code"] == "RATE_LIMITED"
        assert 590 <= told["retryAfter"] <= 600
        await page.ask("request-pairing-code", {"phoneNumber": "79990000002"})
        await page.next("pairing-code")

    async for key in whatsapp.redis.scan_iter():
        assert PHONE not in str(key)


async def test_codes_are_limited_by_salon(database_url: str, redis_url: str) -> None:
    settings = api_settings(database_url, redis_url, codes_per_salon_per_hour=2)
    async with running_api(settings) as api, whatsapp_side(redis_url) as whatsapp:
        whatsapp.reaction = whatsapp.code
        async with open_page(api.url, token_for(SALON)) as page:
            for number in (1, 2):
                await page.ask("request-pairing-code", {"phoneNumber": f"7999000000{number}"})
                await page.next("pairing-code", number)
            await page.ask("request-pairing-code", {"phoneNumber": "79990000003"})
            told = await page.next("pairing-code-error")

    assert told["code"] == "RATE_LIMITED"
    assert 3500 < told["retryAfter"] <= 3600


async def test_two_requests_at_once_on_two_processes_give_one_code(
    api: RunningApi, settings: ApiSettings, whatsapp: WhatsAppSide
) -> None:
    asked = asyncio.Event()

    async def react(command: Command) -> None:
        await asked.wait()
        await whatsapp.code(command)

    whatsapp.reaction = react
    async with (
        running_api(settings) as second,
        open_page(api.url, token_for(SALON)) as here,
        open_page(second.url, token_for(SALON)) as there,
    ):
        await asyncio.gather(
            *(page.ask("request-pairing-code", {"phoneNumber": PHONE}) for page in (here, there))
        )
        await wait_until(
            lambda: len(here.all("pairing-code-error") + there.all("pairing-code-error")) == 1
        )
        asked.set()
        shown = [await page.next("pairing-code") for page in (here, there)]
        await there.ask("request-pairing-code", {"phoneNumber": PHONE})
        again = await there.next("pairing-code", 2)

    [refused] = here.all("pairing-code-error") + there.all("pairing-code-error")
    assert refused["code"] == "REQUEST_IN_PROGRESS"
    assert refused["retryAfter"] > 0
    assert {code["code"] for code in (*shown, again)} == {"ABCD-1234"}
    assert again["expiresAt"] == shown[0]["expiresAt"]
    assert len(whatsapp.commands) == 1


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


async def test_a_page_that_goes_on_with_nonsense_is_let_go(api: RunningApi) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        for _ in range(20):
            await page.ask("nonsense")
        await page.gone()

    assert len(page.all("error")) == 20


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_nothing_is_left_of_pages_that_have_gone(
    api: RunningApi, whatsapp: WhatsAppSide, transport: Transport
) -> None:
    connections = api.application.connections
    for batch in range(4):
        async with contextlib.AsyncExitStack() as pages:
            for number in range(20):
                opening = open_page(api.url, token_for(5000 + number), transport=transport)
                page = await pages.enter_async_context(opening)
                if batch % 2:
                    await page.ask("request-qr")
                else:
                    phone = f"799900000{number:02}"
                    await page.ask("request-pairing-code", {"phoneNumber": phone})
            await wait_until(lambda: len(connections) == 20)
        await wait_until(lambda: len(connections) == 0)

    assert connections.sessions == []
    rooms = api.application.sockets.manager.rooms.get(NAMESPACE, {})
    assert [room for room in rooms if room is not None] == []
    await wait_until(lambda: not _tasks_of_pages())
    locks = [key async for key in whatsapp.redis.scan_iter("marketplace:pairing-lock:*")]
    assert locks == []


def _tasks_of_pages() -> list[str]:
    """All but the engine's sleeping pings, which end by themselves within 15 s."""
    ours = ("token expiry", "request-qr", "request-pairing-code")
    return [name for task in asyncio.all_tasks() if (name := task.get_name()).startswith(ours)]


async def test_a_request_ends_with_its_page_and_frees_the_salon(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        await page.ask("request-pairing-code", {"phoneNumber": PHONE})
        await wait_until(lambda: whatsapp.commands)

    await wait_until(lambda: _free(whatsapp))


async def _free(whatsapp: WhatsAppSide) -> bool:
    return not await whatsapp.redis.exists(keys.pairing_lock(SESSION))


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_only_known_origins_may_connect(api: RunningApi, transport: Transport) -> None:
    for origin in ("https://n123.yclients.com", "https://connect.example.com"):
        headers = {"Origin": origin}
        async with open_page(
            api.url, token_for(SALON), transport=transport, headers=headers
        ) as page:
            await page.next("status")
    for origin in ("https://n123.yclients.com.evil.example", "http://n1.yclients.ru", "null"):
        opening = open_page(
            api.url, token_for(SALON), transport=transport, headers={"Origin": origin}
        )
        with pytest.raises((RefusedError, InvalidStatus)):
            await opening.__aenter__()


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


async def test_a_transport_that_stays_outside_is_closed(
    api: RunningApi,
) -> None:
    sockets = api.application.sockets
    opened = await api.http.get("/socket.io/?EIO=4&transport=polling")
    assert opened.status_code == 200
    assert len(sockets.environ) == 1

    watch = idle_sockets.IdleSockets(sockets)
    assert watch.overdue(100.0) == []
    [overdue] = watch.overdue(100.0 + idle_sockets.PATIENCE_S)
    await watch._close(overdue)

    assert len(sockets.environ) == 0
