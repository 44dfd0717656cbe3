"""Each row of the table of endings, made by the network in a box, as everybody sees it.

On the page, in health and in metrics, of both processes with the real library.
"""

import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from redis import Redis

from sandbox.whatsapp_network.control_client import ControlClient
from sandbox.whatsapp_network.faults import FaultKind
from shared.endings import ENDINGS, Ending, Retry
from shared.messages.status import Reason, SessionStatus
from shared.texts import ENDING_TEXTS
from tests.support.api import token_for
from tests.support.ending_world import Ended, EndingWorld, ending_world
from tests.support.processes import ServiceProcess, Starter
from tests.support.services import PostgresServer
from tests.support.waiting import wait_until
from tests.support.whatsapp_network import NetworkProcess, whatsapp_network_process

__all__ = ["whatsapp_network_process"]

pytestmark = pytest.mark.timeout(300)

PATIENCE_S: Final = 60.0
"""A process that is gone is missed after 15 s at the earliest."""
SCREENS: Final = {
    SessionStatus.RECONNECTING: "reconnecting",
    SessionStatus.FROZEN: "frozen",
}
FAR_OFF: Final = {Retry.BAN_ENDS, Retry.HOURLY, Retry.SLOWLY}
"""The next try is told."""
WITHOUT_PROCESS: Final = {Reason.SERVICE_STOPPED, Reason.OWNER_LOST}
"""Whoever would count them has ended."""

_refused = FaultKind.REFUSED
HOW: Final[dict[Reason, Callable[[Ended], Awaitable[object]]]] = {
    Reason.SOCKET_LOST: Ended.cut_off,
    Reason.STREAM_ERROR: Ended.end_stream,
    Reason.KEEPALIVE_TIMEOUT: Ended.fall_silent,
    Reason.ROUTE_CHANGED: Ended.go_another_way,
    Reason.SERVER_ERROR: lambda it: it.log_in_to(_refused, reason=503),
    Reason.FLAPPING: lambda it: it.log_in_to(FaultKind.FLAPPING, delay_s=0.5),
    Reason.WHATSAPP_UNREACHABLE: Ended.open_nowhere,
    Reason.PROXY_UNREACHABLE: Ended.go_to_nobody,
    Reason.STORE_UNAVAILABLE: Ended.hide_store,
    Reason.SERVICE_STOPPED: Ended.stop_process,
    Reason.OWNER_LOST: Ended.kill_process,
    Reason.TEMPORARY_BAN: lambda it: it.log_in_to(FaultKind.BANNED, expire_s=7_200),
    Reason.CLIENT_OUTDATED: lambda it: it.log_in_to(FaultKind.OUTDATED),
    Reason.REFUSED: lambda it: it.log_in_to(_refused, reason=409),
    Reason.REPLACED: lambda it: it.world.phones.replace(it.number, it.device),
    Reason.DEVICE_REMOVED: lambda it: it.world.phones.unlink(it.number, it.device),
    Reason.LOGGED_OUT: lambda it: it.world.phones.forget_keys(it.number, it.device),
    Reason.ACCOUNT_LOCKED: lambda it: it.log_in_to(_refused, reason=403),
    Reason.ACCOUNT_BANNED: lambda it: it.log_in_to(_refused, reason=406),
    Reason.CREDENTIALS_MISSING: Ended.lose_credentials,
    Reason.CREDENTIALS_BROKEN: Ended.break_credentials,
    Reason.UNLINKED: lambda it: it.world.bus.unlink(it.session),
    Reason.UNINSTALLED: Ended.uninstall,
    Reason.FROZEN: lambda it: it.world.bus.freeze(it.session),
}
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def start_in_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """As `start_process`, for all tests of the module."""
    started: list[ServiceProcess] = []
    folder: Path = tmp_path_factory.mktemp("endings")

    def start(module: str, environment: dict[str, str]) -> ServiceProcess:
        log_path = folder / f"{len(started)}-{module}.log"
        started.append(ServiceProcess(module, environment, log_path))
        return started[-1]

    yield start
    for process in started:
        process.clean_up()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    page_dir: Path,
    whatsapp_network_process: NetworkProcess,
    postgres_server: PostgresServer,
    migrated_template: str,
    valkey_url: str,
    start_in_module: Starter,
) -> AsyncIterator[EndingWorld]:
    with Redis.from_url(valkey_url) as redis:
        redis.flushall()
    name = postgres_server.create_database(migrated_template)
    network = whatsapp_network_process
    network.ensure_started()
    environment = {
        "DATABASE_URL": postgres_server.url(name),
        "REDIS_URL": valkey_url,
        "PAGE_DIR": str(page_dir),
        "PYTHONPATH": network.ready["client_library"],
    }
    async with ControlClient(network.ready["control_url"]) as phones:
        await phones.forget_everything()
        async with ending_world(phones, environment, start_in_module) as world:
            yield world
            world.process.terminate()
            world.api.process.terminate()
    postgres_server.drop_database(name)


@pytest_asyncio.fixture(loop_scope="session")
async def salon(world: EndingWorld) -> AsyncIterator[Ended]:
    salon = await world.link(next(numbers))
    yield salon
    await world.recover(salon)


@pytest_asyncio.fixture(loop_scope="session")
async def page(world: EndingWorld, salon: Ended, browser: Browser) -> AsyncIterator[Page]:
    """The salon's page, on which it is connected."""
    context = await browser.new_context(locale="ru-RU")
    page = await context.new_page()
    token = token_for(salon.salon_id)
    await page.goto(f"{world.api.url}/marketplace/onboarding?token={token}")
    await expect(page.locator(".card")).to_have_attribute(
        "data-screen", "connected", timeout=PATIENCE_S * 1000
    )
    yield page
    await context.close()


def test_every_row_of_the_table_is_made() -> None:
    assert set(HOW) == set(ENDINGS)


@pytest.mark.parametrize("reason", HOW)
async def test_an_end_is_seen_on_the_page_in_health_and_in_metrics(
    world: EndingWorld, salon: Ended, page: Page, reason: Reason
) -> None:
    ending = ENDINGS[reason]
    before, _ = await world.counted(reason)

    await HOW[reason](salon)

    await seen_on(page, ending)
    await seen_in_health(world, salon, ending)
    if reason not in WITHOUT_PROCESS:
        counted, standing = await world.counted(reason)
        assert counted == before + 1
        # A session without a device is let go by the next look at all, which may be at once.
        assert standing >= ending.keeps_device


async def seen_on(page: Page, ending: Ending) -> None:
    card = page.locator(".card")
    text = ENDING_TEXTS[ending.reason]
    await expect(card).to_have_attribute(
        "data-screen", SCREENS.get(ending.status, "stopped"), timeout=PATIENCE_S * 1000
    )
    await expect(card).to_contain_text(text.message, timeout=PATIENCE_S * 1000)
    await expect(card).to_contain_text(text.next_step)
    if ending.retry in FAR_OFF:
        await expect(card).to_contain_text("Попробуем сами")
    if ending.invites:
        await expect(card.get_by_role("button", name="Подключить снова")).to_be_visible()


async def seen_in_health(world: EndingWorld, salon: Ended, ending: Ending) -> None:
    async def told() -> dict[str, Any] | None:
        report = await world.health(salon)
        return report if report["reason"] == ending.reason else None

    report = await wait_until(told, PATIENCE_S, ending.reason)
    assert report is not None
    assert report["status"] == ending.status
    assert not report["connected"]
    assert report["linked"] == ending.keeps_device
    if ending.retry in FAR_OFF:
        assert datetime.fromisoformat(report["retryAt"]).timestamp() > time.time()
