"""Salons behind a proxy: nothing ever goes past it, and a dead one is told as what it is."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from sandbox.proxy.dialect import Credentials
from sandbox.proxy.server import ProxyFault, ProxyServer
from shared.company_id import SessionId
from shared.errors import ErrorCode
from shared.messages.events import Connected, PairingCodeError, StatusChanged
from shared.messages.status import Reason, SessionStatus
from tests.acceptance.conftest import WhatsApp
from tests.support.waiting import wait_until
from whatsapp_service.store import proxies
from whatsapp_service.store.proxies import StoredRoute

pytestmark = pytest.mark.timeout(300)

SALON, OTHER_SALON = SessionId("company_1001"), SessionId("company_1002")
PHONE, OTHER_PHONE = "79990000001", "79990000002"
LOGIN = Credentials("salon@example.com", "pass:/@ word")
OTHER_LOGIN = Credentials("other", "wrong-password-1")


@pytest.fixture
async def proxy() -> AsyncIterator[ProxyServer]:
    async with ProxyServer(LOGIN) as proxy:
        yield proxy


@pytest.fixture
async def own_proxy() -> AsyncIterator[ProxyServer]:
    async with ProxyServer() as proxy:
        yield proxy


async def send(whatsapp: WhatsApp, salon: SessionId, url: str | None) -> None:
    """As the operator's command does, without the time it takes to start."""
    async with await AsyncConnection.connect(
        whatsapp.environment["DATABASE_URL"], autocommit=True, row_factory=dict_row
    ) as connection:
        await proxies.save_route(connection, StoredRoute(salon, url))


async def start(whatsapp: WhatsApp, **environment: str) -> None:
    """In a thread, as all that waits here: the proxies run on the test's own event loop."""
    await asyncio.to_thread(whatsapp.start, **environment)


async def assert_all_went_through(whatsapp: WhatsApp, *proxies: ProxyServer) -> None:
    """As many connections as the network has seen, the proxies have carried."""
    handshakes = (await whatsapp.phones.stats()).handshakes
    assert handshakes == sum(proxy.carried.tunnels for proxy in proxies) > 0


async def shown_as_connected(whatsapp: WhatsApp) -> None:
    """What the network has seen reaches the process a moment later."""

    async def shown() -> bool:
        return (await whatsapp.health(SALON))["connected"] is True

    await wait_until(shown, what="it is shown as connected")


@pytest.mark.parametrize("scheme", ["socks5", "http"])
async def test_linking_and_the_linked_session_go_through_the_default_proxy(
    idle_whatsapp: WhatsApp, proxy: ProxyServer, scheme: str
) -> None:
    whatsapp = idle_whatsapp
    await start(whatsapp, WHATSAPP_PROXY_URL=proxy.url(scheme))

    await whatsapp.link_by_qr(SALON, PHONE)
    assert proxy.carried.tunnels == 3  # pairing, first login in the child, the session

    seen = len(whatsapp.bus.events)
    await whatsapp.phones.drop(PHONE)
    await whatsapp.bus.event(Connected, SALON, after=seen)
    await assert_all_went_through(whatsapp, proxy)
    assert await asyncio.to_thread(whatsapp.process.terminate) == 0
    assert all(secret not in log for log in whatsapp.logs for secret in ("example.com", "pass"))


async def test_a_proxy_at_fault_is_its_own_error_and_nothing_goes_past_it(
    idle_whatsapp: WhatsApp, proxy: ProxyServer
) -> None:
    whatsapp = idle_whatsapp
    await start(whatsapp, WHATSAPP_PROXY_URL=proxy.url("socks5h"))

    for fault in (ProxyFault.HANGS, ProxyFault.REFUSES_CREDENTIALS, ProxyFault.FORBIDS):
        proxy.fault = fault
        assert await why_linking_fails(whatsapp) is Reason.PROXY_UNREACHABLE
    proxy.fault = ProxyFault.UPSTREAM_UNREACHABLE
    assert await why_linking_fails(whatsapp) is Reason.WHATSAPP_UNREACHABLE
    await proxy.stop()
    await whatsapp.bus.request_code(SALON, PHONE)
    refused = await whatsapp.bus.event(PairingCodeError, SALON)
    assert refused.code is ErrorCode.PROXY_UNREACHABLE

    assert (await whatsapp.phones.stats()).handshakes == proxy.carried.tunnels == 0


async def why_linking_fails(whatsapp: WhatsApp) -> Reason | None:
    seen = len(whatsapp.bus.events)
    await whatsapp.bus.request_qr(SALON)
    ended = await whatsapp.bus.status(SessionStatus.ERROR, SALON, after=seen)
    return Reason(ended.reason) if ended.reason else None


async def test_a_proxy_that_dies_while_a_session_runs_is_told_and_the_session_comes_back(
    idle_whatsapp: WhatsApp, proxy: ProxyServer
) -> None:
    whatsapp = idle_whatsapp
    await start(whatsapp, WHATSAPP_PROXY_URL=proxy.url("http"))
    await whatsapp.link_by_qr(SALON, PHONE)
    seen = len(whatsapp.bus.events)

    await proxy.stop()
    await whatsapp.bus.event(
        StatusChanged,
        SALON,
        where=lambda event: event.reason == Reason.PROXY_UNREACHABLE,
        after=seen,
    )
    await proxy.start()

    await whatsapp.bus.event(Connected, SALON, after=seen)
    await assert_all_went_through(whatsapp, proxy)


async def test_a_salon_that_hangs_in_a_silent_proxy_is_moved_to_another(
    idle_whatsapp: WhatsApp, proxy: ProxyServer, own_proxy: ProxyServer
) -> None:
    whatsapp = idle_whatsapp
    await send(whatsapp, SALON, proxy.url("socks5"))
    await start(whatsapp, PROXY_FOLLOW_S="0.2")
    await whatsapp.link_by_qr(SALON, PHONE)
    seen = len(whatsapp.bus.events)

    proxy.fault = ProxyFault.HANGS
    await proxy.drop()
    await whatsapp.bus.event(
        StatusChanged,
        SALON,
        where=lambda event: event.reason == Reason.PROXY_UNREACHABLE,
        after=seen,
    )
    await send(whatsapp, SALON, own_proxy.url("socks5"))

    await whatsapp.bus.event(Connected, SALON, after=seen)
    await assert_all_went_through(whatsapp, proxy, own_proxy)

    await shown_as_connected(whatsapp)


async def test_a_salon_has_its_own_way_which_outlives_a_restart(
    idle_whatsapp: WhatsApp, proxy: ProxyServer, own_proxy: ProxyServer
) -> None:
    whatsapp = idle_whatsapp
    secret = own_proxy.url("http", OTHER_LOGIN)
    await send(whatsapp, SALON, secret)
    await send(whatsapp, OTHER_SALON, None)
    await start(whatsapp, WHATSAPP_PROXY_URL=proxy.url("socks5"))

    await whatsapp.link_by_qr(SALON, PHONE)
    assert (own_proxy.carried.tunnels, proxy.carried.tunnels) == (3, 0)
    await whatsapp.link_by_qr(OTHER_SALON, OTHER_PHONE)
    assert (await whatsapp.phones.stats()).handshakes == 6
    assert (own_proxy.carried.tunnels, proxy.carried.tunnels) == (3, 0)

    await asyncio.to_thread(whatsapp.process.terminate)
    seen = len(whatsapp.bus.events)
    await start(whatsapp, WHATSAPP_PROXY_URL=proxy.url("socks5"), PROXY_FOLLOW_S="0.2")
    await whatsapp.bus.event(Connected, SALON, after=seen)
    await whatsapp.bus.event(Connected, OTHER_SALON, after=seen)
    assert (own_proxy.carried.tunnels, proxy.carried.tunnels) == (4, 0)

    await send(whatsapp, SALON, proxy.url("http"))

    async def online_through_the_other() -> bool:
        online = (await whatsapp.phones.stats()).online_devices == 2
        return online and own_proxy.open_now == 0 and proxy.carried.tunnels == 1

    await wait_until(online_through_the_other)
    assert (await whatsapp.phones.stats()).handshakes == 9  # and nobody connected once more
    await shown_as_connected(whatsapp)
    assert all(OTHER_LOGIN.password not in log for log in whatsapp.logs)
