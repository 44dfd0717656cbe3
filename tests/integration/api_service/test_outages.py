"""Redis and Postgres going away and coming back under a running API."""

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from psycopg.sql import SQL

from api_service.settings import ApiSettings
from sandbox.services import valkey
from sandbox.services.ports import free_port
from sandbox.services.server import RunningServer
from shared.company_id import SalonId, session_id_of
from shared.messages.status import SessionStatus
from tests.support.api import RunningApi, api_settings, signed_query, token_for
from tests.support.page import open_page
from tests.support.services import PostgresServer
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import whatsapp_side

SALON = SalonId(1001)
SESSION = session_id_of(SALON)
PHONE = "79990000001"
CUT_OFF = SQL(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'api-service'"
)


@dataclass
class OwnRedis:
    """A server that the test may stop; it comes back empty, on the same port."""

    setup: valkey.ValkeySetup
    server: RunningServer = field(init=False)

    @property
    def url(self) -> str:
        return self.setup.url()

    async def start(self) -> None:
        self.server = await asyncio.to_thread(valkey.start, self.setup)

    async def stop(self) -> None:
        await asyncio.to_thread(self.server.stop)


@pytest.fixture
async def redis_server() -> AsyncIterator[OwnRedis]:
    folder = Path(tempfile.mkdtemp(prefix="ai-admin-test-valkey-"))
    server = OwnRedis(valkey.ValkeySetup(folder, free_port(), settings=valkey.DISPOSABLE))
    await server.start()
    try:
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            await server.stop()
        shutil.rmtree(folder)


@pytest.fixture
def settings(database_url: str, redis_server: OwnRedis) -> ApiSettings:
    return api_settings(database_url, redis_server.url)


async def answers(api: RunningApi, path: str, status: int) -> bool:
    return (await api.http.get(path)).status_code == status


async def test_redis_restarted_pages_are_told_what_they_missed(
    api: RunningApi, redis_server: OwnRedis
) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        await page.next("status")
        await redis_server.stop()
        assert (await api.http.get("/health")).status_code == 503
        assert (await api.http.get("/health/pubsub/simple")).status_code == 503
        refused = await api.post_qr(token_for(SALON))
        assert (refused.status_code, refused.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
        await page.ask("request-qr")
        assert (await page.next("error"))["code"] == "SERVICE_UNAVAILABLE"
        await page.ask("request-pairing-code", {"phoneNumber": PHONE})
        failed = await page.next("pairing-code-error")
        assert (failed["code"], failed["cause"]) == ("PAIRING_CODE_FAILED", "SERVICE_UNAVAILABLE")

        await redis_server.start()
        back = time.monotonic()
        async with whatsapp_side(redis_server.url) as whatsapp:
            await wait_until(lambda: answers(api, "/health/pubsub?timeout=1000", 200))
            assert time.monotonic() - back < 20
            await whatsapp.connected(SESSION, PHONE)
            await page.next("whatsapp-connected")
        assert page.in_namespace


async def test_a_page_of_a_linked_salon_is_not_told_otherwise_by_a_redis_that_comes_back_empty(
    api: RunningApi, redis_server: OwnRedis
) -> None:
    """It would offer to link again, until the session has told everything anew."""
    async with open_page(api.url, token_for(SALON)) as page:
        async with whatsapp_side(redis_server.url) as whatsapp:
            await whatsapp.connected(SESSION, PHONE)
            await page.next("whatsapp-connected")
        seen = len(page.all("status"))
        await redis_server.stop()
        await redis_server.start()
        await wait_until(lambda: answers(api, "/health/pubsub/simple", 200))
        async with whatsapp_side(redis_server.url) as whatsapp:
            await whatsapp.connected(SESSION, PHONE)
            await wait_until(lambda: len(page.all("whatsapp-connected")) > 1)
    assert SessionStatus.IDLE not in {it["status"] for it in page.all("status")[seen:]}


async def test_a_page_that_comes_while_redis_is_away_is_served_when_it_is_back(
    api: RunningApi, redis_server: OwnRedis
) -> None:
    await redis_server.stop()
    async with open_page(api.url, token_for(SALON)) as page:
        assert (await page.next("error"))["code"] == "SERVICE_UNAVAILABLE"
        assert page.in_namespace
        await redis_server.start()
        assert (await page.next("status"))["status"] == SessionStatus.IDLE


async def test_what_is_announced_while_the_api_is_deaf_is_shown_afterwards(
    api: RunningApi, redis_server: OwnRedis
) -> None:
    async with (
        whatsapp_side(redis_server.url) as whatsapp,
        open_page(api.url, token_for(SALON)) as page,
    ):
        await page.next("status")
        for round_number in range(1, 6):
            await whatsapp.redis.client_kill_filter(_type="pubsub", skipme=True)
            await whatsapp.status(SESSION, SessionStatus.QUEUED, queue_position=round_number)
            await wait_until(
                lambda number=round_number: (  # type: ignore[misc]
                    page.all("status")[-1].get("queuePosition") == number
                )
            )


async def test_postgres_away_is_503_and_heals_without_a_restart(
    api: RunningApi, postgres_server: PostgresServer, database_url: str
) -> None:
    name = database_url.rsplit("/", 1)[1].split("?", maxsplit=1)[0]
    redirect = {"params": {"salon_id": "1001", **signed_query()}}
    postgres_server.run(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false"), name)

    async def away() -> bool:
        """One that was just connecting has passed the gate."""
        postgres_server.run(CUT_OFF)
        return await answers(api, "/marketplace/health", 503)

    try:
        await wait_until(away)
        assert (await api.http.get("/health")).status_code == 503
        page = await api.http.get("/auth/yclients/redirect", params=redirect["params"])
        assert page.status_code == httpx2.codes.SERVICE_UNAVAILABLE
        assert "временно недоступен" in page.text
    finally:
        postgres_server.run(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true"), name)
    await wait_until(lambda: answers(api, "/marketplace/health", 200))
    back = await api.http.get("/auth/yclients/redirect", params=redirect["params"])
    assert back.status_code == httpx2.codes.FOUND
