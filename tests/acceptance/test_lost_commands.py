"""What a page asks for and Redis loses, or does not take, ends with an error on the page."""

import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from shared.bus import keys
from shared.bus.connection import connect_redis
from tests.acceptance.conftest import WhatsApp
from tests.support.api_process import ApiProcess
from tests.support.linking_steps import Owner, owners_of
from tests.support.own_redis import OwnRedis, own_redis, redis_url
from tests.support.processes import Starter
from tests.support.waiting import wait_until

__all__ = ["own_redis", "redis_url"]

pytestmark = pytest.mark.timeout(300)

DEADLINES_S = {"QR_DEADLINE_S": "5", "CODE_DEADLINE_S": "7"}
UNLINK_S = 18.0
LATE_S = 15.0
"""How much later than its deadline a page is told on a busy machine; nobody else ever tells it."""
LINKED_S = 60.0


@pytest.fixture
def api(whatsapp_environment: dict[str, str], start_process: Starter) -> ApiProcess:
    return ApiProcess.beside({**whatsapp_environment}, start_process)


@pytest.mark.parametrize("keeps", ["all but the last second", "nothing"])
async def test_commands_that_vanish_with_redis_are_answered_with_an_error(
    whatsapp: WhatsApp, api: ApiProcess, own_redis: OwnRedis, keeps: str
) -> None:
    """The WhatsApp process stands still for the moment in which they are in Redis.

    An order to unlink has the longest deadline, and is waited for once.
    """
    async with _three_owners(whatsapp, api) as (linked, by_qr, by_code):
        written = own_redis.written
        before = await _commands(own_redis)
        whatsapp.process.signal(signal.SIGSTOP)
        await _take_connections_away(own_redis)
        asked = time.monotonic()
        await _ask_all(linked, by_qr, by_code)
        await wait_until(
            lambda: _have_come(own_redis, before + 3), what="three commands more in Redis"
        )
        await own_redis.server.kill()
        if keeps == "nothing":
            own_redis.forget()
        else:
            own_redis.lose_what_came_after(written)
        await own_redis.server.start()
        whatsapp.process.signal(signal.SIGCONT)

        await _are_told(by_qr, by_code, asked)
        assert not by_qr.page.all("qr-update")
        await _scans(by_qr)
        await _types(by_code)
        if keeps != "nothing":
            await _is_told(linked, "error", UNLINK_S, asked)
        assert (await linked.phones.phone(linked.number)).devices
        await by_qr.is_connected()
        await by_code.is_connected()


async def test_what_is_asked_of_a_redis_that_stands_still_is_answered_in_time(
    whatsapp: WhatsApp, api: ApiProcess, own_redis: OwnRedis
) -> None:
    """What has happened meanwhile is told when it goes on, and nobody has lost a connection."""
    async with _three_owners(whatsapp, api) as (linked, by_qr, by_code):
        logins = await _logins(whatsapp, linked)
        with own_redis.standing_still():
            asked = time.monotonic()
            await _ask_all(linked, by_qr, by_code)
            await _are_told(by_qr, by_code, asked)
            await _is_told(linked, "error", UNLINK_S, asked)
            await wait_until(lambda: api.answers("/health", 503))
        await _scans(by_qr)
        await by_qr.is_connected()
        await _types(by_code)
        await by_code.is_connected()
        await wait_until(lambda: _shows_what_is(linked), what="the page shows what is")
        assert await _logins(whatsapp, linked) == logins


@asynccontextmanager
async def _three_owners(whatsapp: WhatsApp, api: ApiProcess) -> AsyncIterator[list[Owner]]:
    """The first is linked."""
    api.environment |= {**DEADLINES_S, "CODES_PER_NUMBER_PER_10_MINUTES": "100"}
    api.start()
    owners = owners_of(whatsapp.phones, 3)
    async with AsyncExitStack() as stack:
        for owner in owners:
            await owner.phones.create_phone(owner.number)
            await owner.come(stack, api.url)
        await _scans(owners[0])
        await owners[0].is_connected()
        told = owners[0].page.told
        told[:] = [it for it in told if it[0] != "error"]  # of a QR that was late
        yield owners


async def _ask_all(linked: Owner, by_qr: Owner, by_code: Owner) -> None:
    await linked.page.ask("unlink")
    await by_qr.page.ask("request-qr")
    await by_code.asks_code()


async def _are_told(by_qr: Owner, by_code: Owner, asked: float) -> None:
    await _is_told(by_qr, "error", float(DEADLINES_S["QR_DEADLINE_S"]), asked)
    await _is_told(by_code, "pairing-code-error", float(DEADLINES_S["CODE_DEADLINE_S"]), asked)


async def _is_told(owner: Owner, event: str, deadline_s: float, asked: float) -> None:
    left_s = deadline_s + LATE_S - (time.monotonic() - asked)
    await wait_until(lambda: owner.page.all(event), left_s, f"{owner.number}: {event}")
    [told] = owner.page.all(event)
    assert told["nextStep"]


async def _scans(owner: Owner) -> None:
    """Asks again when it was not answered within the short deadlines, as the page does."""
    page = owner.page
    seen = len(page.all("qr-update"))

    async def shown() -> bool:
        refused = len(page.all("error"))
        await page.ask("request-qr")
        await wait_until(
            lambda: page.all("qr-update")[seen:] or page.all("error")[refused:],
            what=f"{owner.number}: a QR or an error",
        )
        return len(page.all("qr-update")) > seen

    await wait_until(shown, LINKED_S, f"{owner.number}: a QR")
    await owner.phones.scan(owner.number, page.all("qr-update")[-1]["qr"])


async def _types(owner: Owner) -> None:
    """Asks again as well."""

    async def given() -> str | None:
        event, answer = await owner.page.ask_code(owner.number)
        return str(answer["code"]) if event == "pairing-code" else None

    code = await wait_until(given, LINKED_S, f"{owner.number}: a code")
    assert code is not None
    await owner.phones.type_code(owner.number, code)


async def _shows_what_is(linked: Owner) -> bool:
    """An order that Redis had taken before it stood still may be carried out within its time."""
    devices = (await linked.phones.phone(linked.number)).devices
    return bool(linked.status["status"] == ("connected" if devices else "logged_out"))


async def _logins(whatsapp: WhatsApp, linked: Owner) -> int:
    by_device = (await whatsapp.phones.stats()).logins_by_device
    return sum(n for device, n in by_device.items() if device.startswith(f"{linked.number}:"))


async def _take_connections_away(own_redis: OwnRedis) -> None:
    """A read that waits in Redis would give the next command to the process that stands still."""
    async with connect_redis(own_redis.setup.url()) as redis:
        await redis.client_kill_filter(_type="normal", skipme=True)


async def _have_come(own_redis: OwnRedis, commands: int) -> bool:
    return await _commands(own_redis) >= commands


async def _commands(own_redis: OwnRedis) -> int:
    async with connect_redis(own_redis.setup.url()) as redis:
        return int(await redis.xlen(keys.COMMANDS))
