"""kill -9 of each process at each step of both ways of linking, all salons at once."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import psutil
import pytest

from tests.acceptance.conftest import WhatsApp
from tests.support.api_process import ApiProcess
from tests.support.linking_steps import LINKERS, Owner, Steps, owners_of
from tests.support.processes import Starter
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def api(whatsapp_environment: dict[str, str], start_process: Starter) -> ApiProcess:
    """A page's request outlives the start of another process, or of six linkers at once."""
    api = ApiProcess.beside(whatsapp_environment, start_process)
    api.environment |= {"QR_DEADLINE_S": "60", "CODE_DEADLINE_S": "60"}
    api.start()
    return api


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Pages that are open until the end of the test."""
    async with AsyncExitStack() as pages:
        yield pages


@pytest.fixture
async def steps(idle_whatsapp: WhatsApp, api: ApiProcess, stack: AsyncExitStack) -> Steps:
    idle_whatsapp.start(LINKER_CAPACITY=str(LINKERS))
    steps = Steps(idle_whatsapp.phones)
    await steps.take(stack, api.url)
    return steps


async def test_the_whatsapp_process_is_killed(
    idle_whatsapp: WhatsApp, steps: Steps, database_url: str
) -> None:
    """No supervisor for a while: pages are told by the API process alone."""
    children = psutil.Process(idle_whatsapp.process.pid).children(recursive=True)
    idle_whatsapp.process.kill()
    killed = time.monotonic()
    await steps.go_on()

    told_s = [await owner.is_told(killed, "owner_lost") for owner in steps]
    print(f"pages told of a killed process after {max(told_s):.1f} s")  # noqa: T201 - a figure
    for owner in steps:
        assert owner.status["nextStep"]
    for owner in steps.unlinked:
        assert (owner.status["status"], owner.status["code"]) == ("error", "SERVICE_UNAVAILABLE")
    for owner in steps.accepted:
        assert owner.status["status"] == "reconnecting"
    await wait_until(lambda: not any(child.is_running() for child in children))

    await start_beside_pages(idle_whatsapp, LINKER_CAPACITY=str(LINKERS))

    for owner in steps.accepted:
        await owner.is_connected()
    await link_again(steps.unlinked)
    await steps.assert_nothing_is_half_linked(database_url)


async def test_a_request_goes_on_by_itself_when_the_whatsapp_process_is_back_at_once(
    idle_whatsapp: WhatsApp, api: ApiProcess, stack: AsyncExitStack
) -> None:
    """Asked before the kill and while nobody is there: one answer each, unasked."""
    idle_whatsapp.start()
    before, after = owners_of(idle_whatsapp.phones, 2)
    for owner in (before, after):
        await owner.phones.create_phone(owner.number)
        await owner.come(stack, api.url)
    await before.asks_code()
    await before.went_through("connecting")

    idle_whatsapp.process.kill()
    await after.asks_code()
    await start_beside_pages(idle_whatsapp)

    for owner in (before, after):
        code = await owner.sees_another_code(0)
        await owner.phones.type_code(owner.number, code)
        await owner.is_connected()


async def test_every_linker_is_killed(
    idle_whatsapp: WhatsApp, steps: Steps, database_url: str
) -> None:
    """Attempts are begun anew unasked; what the phone has accepted is not lost."""
    shown = len(steps.qr_shown.page.all("qr-update"))
    codes = len(steps.code_shown.page.all("pairing-code"))
    for child in psutil.Process(idle_whatsapp.process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    killed = time.monotonic()
    await steps.go_on()

    for owner in (steps.qr_shown, steps.code_shown, steps.code_asked):
        await owner.is_told(killed)
    for owner in steps.accepted:
        await owner.is_connected()
    phones = steps.phones
    await phones.scan(steps.qr_shown.number, await steps.qr_shown.sees_another_qr(shown))
    code = await steps.code_shown.sees_another_code(codes)
    await phones.type_code(steps.code_shown.number, code)
    code = await steps.code_asked.sees_another_code(0)
    await phones.type_code(steps.code_asked.number, code)
    for owner in (steps.connecting, steps.queued):
        await phones.scan(owner.number, await owner.sees_qr_at_last())
    for owner in steps:
        await owner.is_connected()
    await steps.assert_nothing_is_half_linked(database_url)


async def test_the_api_process_is_killed(
    api: ApiProcess, stack: AsyncExitStack, steps: Steps, database_url: str
) -> None:
    """The pages lose their server at once and find the present state at the next one."""
    was = {owner.number: owner.status["status"] for owner in steps}
    held_up = (steps.connecting, steps.queued)
    api.kill()
    for owner in steps:
        await wait_until(lambda owner=owner: owner.page.closed)  # type: ignore[misc]
    api.start()
    for owner in steps:
        await owner.come(stack, api.url)
        is_as_it_was = owner.status["status"] == was[owner.number]
        assert is_as_it_was or (owner in held_up and _has_gone_on(owner))
    await steps.qr_shown.sees_another_qr(0)
    await steps.code_shown.sees_another_code(0)

    await steps.go_on()

    phones = steps.phones
    for owner in (steps.code_shown, steps.code_asked):
        await phones.type_code(owner.number, await owner.sees_another_code(0))
    await phones.scan(steps.qr_shown.number, await steps.qr_shown.sees_another_qr(0))
    for owner in held_up:
        await phones.scan(owner.number, await owner.sees_qr_at_last())
    for owner in steps:
        await owner.is_connected()
    await steps.assert_nothing_is_half_linked(database_url)


def _has_gone_on(owner: Owner) -> bool:
    """An attempt that WhatsApp keeps waiting is given up meanwhile, and the next one begins."""
    return owner.status["status"] == "connecting" or owner.was_given_up


async def start_beside_pages(whatsapp: WhatsApp, **environment: str) -> None:
    """Pages answer their server's pings meanwhile, or it lets them go after 20 s."""
    await asyncio.to_thread(whatsapp.start, **environment)


async def link_again(owners: list[Owner]) -> None:
    """As the page does by itself when its attempt has expired, by turns in both ways.

    A request that had not expired is under way already; asking again does no harm.
    """
    for index, owner in enumerate(owners):
        await (owner.types() if index % 2 else owner.scans())
    for owner in owners:
        await owner.is_connected()
