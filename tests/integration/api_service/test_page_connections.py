"""Who may open a socket, who is let go, and what is left of a page that has gone."""

import asyncio
import contextlib
import time

import jwt
import pytest
from websockets.exceptions import InvalidStatus

from api_service.realtime import idle_sockets
from api_service.realtime.server import PING_INTERVAL_S, PING_TIMEOUT_S
from shared.company_id import SalonId
from tests.support.api import JWT_SECRET, RunningApi, api_settings, running_api, token_for
from tests.support.page import NAMESPACE, RefusedError, Transport, open_page
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import WhatsAppSide

SALON = SalonId(1001)


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
    async def let_in_and_go() -> bool:
        """A busy machine may let it in too late: then it is refused."""
        async with open_page(api.url, _token(exp=int(time.time()) + 3)) as page:
            assert (await page.next("error"))["code"] == "TOKEN_EXPIRED"
            await page.gone()
            return page.all("status") != []

    await wait_until(let_in_and_go)
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


async def test_a_page_that_goes_on_with_nonsense_is_let_go(api: RunningApi) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        for _ in range(20):
            await page.ask("nonsense")
        await page.gone()

    assert len(page.all("error")) == 20


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
                await page.next("status")
            await wait_until(lambda: len(connections) == 20)
        # Of one that leaves between two polls nothing is heard; it misses its next ping.
        await wait_until(lambda: len(connections) == 0, PING_INTERVAL_S + PING_TIMEOUT_S + 15)

    assert connections.sessions == []
    rooms = api.application.sockets.manager.rooms.get(NAMESPACE, {})
    assert [room for room in rooms if room is not None] == []
    await wait_until(lambda: not _tasks_of_pages())
    await wait_until(lambda: _none_locked(whatsapp), what="no lock is left")


async def _none_locked(whatsapp: WhatsAppSide) -> bool:
    return not [key async for key in whatsapp.redis.scan_iter("marketplace:pairing-lock:*")]


def _tasks_of_pages() -> list[str]:
    """All but the engine's sleeping pings, which end by themselves within 15 s."""
    ours = ("token expiry", "request-qr", "request-pairing-code")
    return [name for task in asyncio.all_tasks() if (name := task.get_name()).startswith(ours)]
