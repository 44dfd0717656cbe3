"""Redis killed under both processes, with and without its data."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import chain

import httpx2
import pytest

from sandbox.services.ports import free_port
from shared.bus import keys
from shared.bus.connection import connect_redis
from shared.bus.heartbeat import LIFETIME_MS
from tests.acceptance.conftest import WhatsApp
from tests.support.api import HEALTH_TOKEN, JWT_SECRET, PARTNER_TOKEN
from tests.support.api_process import ApiProcess
from tests.support.linking_steps import Owner, owners_of
from tests.support.own_redis import OwnRedis, own_redis, redis_url
from tests.support.processes import ServiceProcess, Starter
from tests.support.waiting import PATIENCE_S, wait_until

__all__ = ["own_redis", "redis_url"]

pytestmark = pytest.mark.timeout(300)

BEATS_S = 1.5
"""A heart that is still silent 2.5 s after Redis is back is taken for lost, and rightly so."""
DETAILS = {"Authorization": f"Bearer {HEALTH_TOKEN}"}


@pytest.fixture
def api(whatsapp_environment: dict[str, str], start_process: Starter) -> ApiProcess:
    return ApiProcess.beside(whatsapp_environment, start_process)


async def test_what_happens_while_redis_is_away_reaches_the_page(
    whatsapp: WhatsApp, api: ApiProcess, own_redis: OwnRedis
) -> None:
    """First it comes back with its data, then without."""
    api.start()
    owners = owners_of(whatsapp.phones, 5)
    async with AsyncExitStack() as stack:
        for owner in owners:
            await owner.phones.create_phone(owner.number)
            await owner.come(stack, api.url)
        stays, *others = owners
        await stays.scans()
        await stays.is_connected()
        for leaves, comes in (others[:2], others[2:]):
            await leaves.scans()
            await leaves.is_connected()
            qr = await comes.sees_qr()
            before = [len(_statuses(owner)) for owner in owners]
            await own_redis.server.kill()

            [device] = (await leaves.phones.phone(leaves.number)).devices
            await leaves.phones.unlink(leaves.number, device.device)
            await comes.phones.scan(comes.number, qr)
            await wait_until(lambda: api.answers("/health/pubsub?timeout=500", 503))
            if leaves is others[2]:
                own_redis.forget()
            away = time.monotonic()
            await own_redis.server.start()

            in_time = await _heart_beats(own_redis, away)
            await wait_until(lambda: api.answers("/health/pubsub?timeout=1000", 200))
            await leaves.has_status("logged_out")
            await comes.is_connected()
            await stays.has_status("connected")
            news = [_statuses(owner)[seen:] for owner, seen in zip(owners, before, strict=True)]
            assert not in_time or "owner_lost" not in {it.get("reason") for it in chain(*news)}


async def test_a_stop_while_redis_does_not_answer_is_bounded(
    idle_whatsapp: WhatsApp, own_redis: OwnRedis
) -> None:
    process = idle_whatsapp.start(SHUTDOWN_TIMEOUT_S="1")
    await idle_whatsapp.link_by_qr(owners_of(idle_whatsapp.phones, 1)[0].session, "79990000001")
    with own_redis.standing_still():
        assert process.terminate(timeout_s=60) == 0  # without a bound it would wait for ever
    assert "stop_cut_short" in [line["event"] for line in process.log_events()]


async def test_in_production_a_redis_that_forgets_is_said(
    own_redis: OwnRedis, database_url: str, start_process: Starter
) -> None:
    """As soon as it is put right, all is well again, without a restart."""
    environment = {
        "ENVIRONMENT": "production",
        "DATABASE_URL": database_url,
        "REDIS_URL": own_redis.setup.url(),
        "JWT_SECRET": JWT_SECRET,
        "YCLIENTS_PARTNER_TOKEN": PARTNER_TOKEN,
        "PUBLIC_URL": "https://connect.example.com",
        "YCLIENTS_URL": "https://127.0.0.1:9",
        "HEALTH_CHECK_TOKEN": HEALTH_TOKEN,
        "API_PORT": str(free_port()),
        "WHATSAPP_PORT": str(free_port()),
    }
    async with (
        connect_redis(own_redis.setup.url()) as redis,
        httpx2.AsyncClient(timeout=PATIENCE_S) as http,
    ):
        await redis.config_set("appendonly", "no")
        api = start_process("api_service", environment)
        whatsapp = start_process("whatsapp_service", environment)
        api_url = f"http://127.0.0.1:{environment['API_PORT']}"
        whatsapp_url = f"http://127.0.0.1:{environment['WHATSAPP_PORT']}"
        api.wait_healthy(f"{api_url}/health")
        whatsapp.wait_healthy(f"{whatsapp_url}/health")

        async def told() -> tuple[str, str, str]:
            overall = (await http.get(f"{api_url}/health")).json()
            sessions = (await http.get(f"{whatsapp_url}/health")).json()
            check = overall["checks"]["redis"]
            return check["status"], check["appendOnly"], sessions["status"]

        async def warnings() -> list[str]:
            body = (await http.get(f"{api_url}/marketplace/health", headers=DETAILS)).json()
            return [it for it in body["warnings"] if it.startswith("Redis forgets")]

        await wait_until(lambda: _is(told, ("warning", "no", "warning")))
        assert len(await warnings()) == 1
        for process in (api, whatsapp):
            await _says(process, "redis_forgets")
            [line] = [it for it in process.log_events() if it["event"] == "redis_forgets"]
            assert line["level"] == "error"
            assert "appendonly yes" in line["advice"]
        await redis.config_set("appendonly", "yes")
        await wait_until(lambda: _is(told, ("ok", "yes", "ok")))
        assert await warnings() == []


async def _heart_beats(own_redis: OwnRedis, away: float) -> bool:
    """Waits for it; whether it was so soon that nobody can take the process for lost.

    What Redis has kept of a beat before it was ``away`` ends earlier than any that comes now.
    """
    back = time.monotonic()
    async with connect_redis(own_redis.setup.url()) as redis:

        async def beaten() -> bool:
            since_ms = (time.monotonic() - away) * 1000
            left_ms = [
                await redis.pttl(key) for key in await redis.keys(keys.process_heartbeat("*"))
            ]
            return max(left_ms, default=0) > LIFETIME_MS - since_ms

        await wait_until(beaten, what="a heart beats")
    return time.monotonic() - back < BEATS_S


async def _says(process: ServiceProcess, event: str) -> None:
    await wait_until(lambda: event in process.log, what=event)


async def _is(ask: Callable[[], Awaitable[object]], expected: object) -> bool:
    return await ask() == expected


def _statuses(owner: Owner) -> list[dict[str, str]]:
    return owner.page.all("status")
