"""A hundred pages come and go in every way; nothing is left, seen from inside and from outside."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Final

import psutil
import pytest
from redis.asyncio import Redis

from api_service.app import Application
from api_service.realtime import idle_sockets, server
from api_service.settings import ApiSettings
from shared.bus import keys
from tests.support.api import RunningApi, api_settings, token_for
from tests.support.api_cluster import ApiCluster, start_api_cluster
from tests.support.holdings import gauges
from tests.support.page import (
    NAMESPACE,
    Page,
    WebSocketLink,
    open_link,
    open_page,
)
from tests.support.processes import Starter
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import WhatsAppSide

PAGES: Final = 100
SALONS: Final = 40
PATIENCE_S: Final = 35.0
"""The engine notices within 15 s that nobody is there to be pinged, in our own process sooner."""

AT_ONCE: Final = 30
"""Pages; all of them together would keep a busy machine from letting any of them in in time."""

Visit = Callable[[str, int], Coroutine[None, None, None]]


async def politely(url: str, number: int) -> None:
    """Leaves the namespace, then the transport."""
    async with open_page(url, _token(number)) as page:
        await _greeted(page)
        await page.link.send(f"41{NAMESPACE},")


async def by_closing_the_tab(url: str, number: int) -> None:
    async with open_page(url, _token(number)) as page:
        await _greeted(page)


async def by_polling(url: str, number: int) -> None:
    async with open_page(url, _token(number), transport="polling") as page:
        await _greeted(page)
        await page.link.send(f"41{NAMESPACE},")
        await page.link.send("1")


async def by_a_lost_connection(url: str, number: int) -> None:
    """No goodbye of any kind: the socket is reset."""
    async with open_page(url, _token(number)) as page:
        await _greeted(page)
        _cut(page)


async def during_a_request_for_a_qr(url: str, number: int) -> None:
    async with open_page(url, _token(number)) as page:
        await page.ask("request-qr")
        _cut(page)


async def during_a_request_for_a_code(url: str, number: int) -> None:
    async with open_page(url, _token(number)) as page:
        await page.ask("request-pairing-code", {"phoneNumber": f"79990000{number:03}"})


async def during_unlinking(url: str, number: int) -> None:
    async with open_page(url, _token(number)) as page:
        await page.ask("unlink")


async def while_coming_in(url: str, number: int) -> None:
    """Gone before the answer to the namespace's handshake."""
    page = Page(await open_link(url))
    await page.link.receive()
    await page.link.send(f'40{NAMESPACE},{{"token":"{_token(number)}"}}')
    _cut(page)


async def without_coming_in(url: str, _number: int) -> None:
    link = await open_link(url)
    await link.receive()
    await link.close()


async def turned_away(url: str, _number: int) -> None:
    async with open_page(url, "no token") as page:
        await page.gone()


MAY_LAST_A_WHILE: Final = (
    keys.rate_limit_prefix(),
    keys.breaker(""),
    keys.command_done("").removesuffix(":done"),
    keys.process_heartbeat("").removesuffix(":"),
    keys.commands_of(""),
)
"""Limits, the breaker, the memory of what was done, heartbeats, own streams end by themselves."""

VISITS: Final[tuple[Visit, ...]] = (
    politely,
    by_closing_the_tab,
    by_polling,
    by_a_lost_connection,
    during_a_request_for_a_qr,
    during_a_request_for_a_code,
    during_unlinking,
    while_coming_in,
    without_coming_in,
    turned_away,
)


def _token(number: int) -> str:
    return token_for(5_000 + number % SALONS)


async def _greeted(page: Page) -> None:
    await wait_until(lambda: page.all("status"), PATIENCE_S, "the page is told its state")


def _cut(page: Page) -> None:
    assert isinstance(page.link, WebSocketLink)
    page.link.socket.transport.abort()


def held(application: Application) -> dict[str, int]:
    """Everything that is kept for a page, by the engine, by Socket.IO and by us."""
    sockets, connections = application.sockets, application.connections
    return {
        "engine sessions": len(sockets.eio.sockets),
        "environments": len(sockets.environ),
        "members": sum(len(each) for each in sockets.manager.rooms.get(NAMESPACE, {}).values()),
        "rooms": server.rooms(sockets),
        "callbacks": len(sockets.manager.callbacks),
        "pending disconnects": sum(map(len, sockets.manager.pending_disconnect.values())),
        "connections": len(connections),
        "audiences": len(connections.sessions),
        "tasks of pages": connections.tasks,
        "requests that wait": application.outcomes.waiting,
    }


def tasks() -> Counter[str]:
    """By the work they do; those of this test's own client end with it."""
    running = (task.get_coro() for task in asyncio.all_tasks())
    return Counter(getattr(work, "__qualname__", "?") for work in running)


async def lasting_keys(redis: Redis) -> set[str]:
    return {key async for key in redis.scan_iter(count=1_000) if await redis.ttl(key) == -1}


@pytest.fixture
def settings(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> ApiSettings:
    """Nobody is taken for lost who is only slow: all of them are in this process' event loop."""
    monkeypatch.setattr(server, "PING_INTERVAL_S", 1)
    monkeypatch.setattr(server, "PING_TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr(idle_sockets, "PATIENCE_S", PATIENCE_S)
    return api_settings(database_url, redis_url)


async def test_nothing_is_left_of_a_hundred_pages(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    await asyncio.gather(*(visit(api.url, 0) for visit in VISITS))
    await _gone(api)
    before, lasting = tasks(), await lasting_keys(whatsapp.redis)

    await come_and_go([api.url], PAGES)
    await _gone(api)

    await wait_until(lambda: not tasks() - before, PATIENCE_S, f"tasks end: {tasks() - before}")
    assert await lasting_keys(whatsapp.redis) == lasting
    left = {key async for key in whatsapp.redis.scan_iter(count=1_000)} - lasting
    strange = [key for key in left if not key.startswith(MAY_LAST_A_WHILE)]
    assert strange == []
    channels = await whatsapp.redis.pubsub_channels()
    assert set(channels) == {
        keys.EVENTS_CHANNEL,
        keys.HEALTH_CHANNEL,
        keys.HEALTH_TEST_CHANNEL,
        keys.ACTIVATION_CHANNEL,
    }


async def _gone(api: RunningApi) -> None:
    def nothing() -> bool:
        return not any(held(api.application).values())

    with contextlib.suppress(TimeoutError):
        await wait_until(nothing, PATIENCE_S)
    assert {what: count for what, count in held(api.application).items() if count} == {}


DESCRIPTORS: Final = "descriptors but pools'"
MANY: Final = 10_000
HELD_FOR_PAGES: Final = (
    "realtime_connections",
    "realtime_transports",
    "realtime_rooms",
    "realtime_tasks",
    "requests_waiting",
)


async def from_outside(cluster: ApiCluster, number: int) -> Counter[str]:
    """What one process holds by its own gauges, and by what the system knows of it."""
    port = int(cluster.addresses[number].rpartition(":")[2])
    told = await gauges(cluster.urls[number])
    process = psutil.Process(cluster.processes[number].pid)
    sockets = [each for each in process.net_connections("tcp") if each.raddr]
    of_pages = sum(each.laddr.port == port for each in sockets)
    counts = Counter({gauge: int(told[gauge]) for gauge in HELD_FOR_PAGES})
    counts["sockets of pages"] = of_pages
    counts[DESCRIPTORS] = process.num_fds() - (len(sockets) - of_pages)
    return counts


async def settled(cluster: ApiCluster, number: int, descriptors: int) -> int:
    """How many descriptors it has once it holds nothing for pages, and no more than that many."""
    allowed, now = Counter({DESCRIPTORS: descriptors}), Counter[str]()

    async def nothing_more() -> bool:
        nonlocal now
        now = await from_outside(cluster, number)
        return not now - allowed

    with contextlib.suppress(TimeoutError):
        await wait_until(nothing_more, PATIENCE_S)
    assert now - allowed == {}
    return now[DESCRIPTORS]


async def come_and_go(urls: list[str], pages: int) -> None:
    """In each way at each process."""
    room = asyncio.Semaphore(AT_ONCE)

    async def visit(number: int) -> None:
        async with room:
            url = urls[number // len(VISITS) % len(urls)]
            await VISITS[number % len(VISITS)](url, number)

    async with asyncio.TaskGroup() as visitors:
        for number in range(pages):
            visitors.create_task(visit(number))


async def test_nothing_is_left_in_two_processes(
    start_process: Starter, database_url: str, redis_url: str, whatsapp: WhatsAppSide
) -> None:
    cluster = start_api_cluster(start_process, database_url, redis_url)
    async with open_page(cluster.urls[0], _token(0)) as page:
        await page.next("status")
        there = await from_outside(cluster, 0)
    assert all(there[each] for each in ("realtime_connections", "sockets of pages")), there
    await come_and_go(cluster.urls, 2 * len(VISITS))
    before = [await settled(cluster, number, MANY) for number in range(2)]
    lasting = await lasting_keys(whatsapp.redis)

    await come_and_go(cluster.urls, PAGES)

    for number, descriptors in enumerate(before):
        await settled(cluster, number, descriptors)
    assert await lasting_keys(whatsapp.redis) == lasting
