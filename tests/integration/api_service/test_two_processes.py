"""Two API processes act as one: one code at a time, one copy of each event, one breaker."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from api_service.settings import ApiSettings
from sandbox.services.loopback import NOBODY
from shared.bus import keys
from shared.company_id import SalonId, session_id_of
from shared.errors import ErrorCode
from shared.messages.commands import Command, RequestPairingCode
from tests.support.api import ADMIN_TOKEN, token_for
from tests.support.api_cluster import ApiCluster, start_api_cluster
from tests.support.page import Page, open_page
from tests.support.processes import Starter
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import WhatsAppSide

SALON = SalonId(1001)
SESSION = session_id_of(SALON)
PHONE, OTHER_PHONE = "79990000001", "79990000002"
QR = "2@a,b,c,d,1"


@pytest.fixture
def cluster(start_process: Starter, database_url: str, redis_url: str) -> ApiCluster:
    return start_api_cluster(start_process, database_url, redis_url)


@asynccontextmanager
async def a_page_on_each(cluster: ApiCluster) -> AsyncIterator[list[Page]]:
    one, two = cluster.urls
    async with (
        open_page(one, token_for(SALON)) as first,
        open_page(two, token_for(SALON)) as second,
    ):
        await first.next("status")
        await second.next("status")
        yield [first, second]


async def test_two_requests_at_once_give_one_code_and_one_refusal(
    cluster: ApiCluster, whatsapp: WhatsAppSide
) -> None:
    async with a_page_on_each(cluster) as pages:
        await asyncio.gather(
            *(page.ask("request-pairing-code", {"phoneNumber": PHONE}) for page in pages)
        )
        await wait_until(lambda: any(page.all("pairing-code-error") for page in pages))
        await wait_until(lambda: whatsapp.commands)
        [command] = whatsapp.commands
        await whatsapp.code(command)
        await whatsapp.result(command)
        shown = await pages[0].next("pairing-code")
        assert shown["code"] == (await pages[1].next("pairing-code"))["code"] == "ABCD-1234"

        [refused] = [error for page in pages for error in page.all("pairing-code-error")]
        assert refused["code"] == "REQUEST_IN_PROGRESS"
        assert 0 < refused["retryAfter"] <= 23

        for page in pages:
            _, again = await page.ask_code(PHONE)
            assert (again["code"], again["expiresAt"]) == (shown["code"], shown["expiresAt"])
            assert again["expiresIn"] * 1000 >= again["expiresAt"] - again["serverTime"]
            assert again["expiresIn"] * 1000 < again["expiresAt"] - again["serverTime"] + 2000
        await whatsapp.connected(SESSION, PHONE)
        for page in pages:
            await page.next("whatsapp-connected")
            assert len(page.all("pairing-code")) == 2
            assert len(page.all("whatsapp-connected")) == 1
    assert len(whatsapp.commands) == 1


async def test_the_code_of_another_number_replaces_it_on_every_page(
    cluster: ApiCluster, whatsapp: WhatsAppSide
) -> None:
    async def react(command: Command) -> None:
        assert isinstance(command, RequestPairingCode)
        code = "ABCD-1234" if command.phone_number == PHONE else "WXYZ-9876"
        await whatsapp.code(command, code)
        await whatsapp.result(command)

    whatsapp.reaction = react
    async with a_page_on_each(cluster) as [one, two]:
        await one.ask_code(PHONE)
        await two.next("pairing-code")
        await two.ask_code(OTHER_PHONE)
        for page in (one, two):
            replaced = await page.next("pairing-code", 2)
            assert (replaced["code"], replaced["phoneNumber"]) == ("WXYZ-9876", OTHER_PHONE)
        await whatsapp.connected(SESSION, OTHER_PHONE)
        for page in (one, two):
            await page.next("whatsapp-connected")
            assert len(page.all("pairing-code")) == 2
            assert len(page.all("whatsapp-connected")) == 1


async def test_a_qr_that_one_process_has_got_is_served_by_the_other_at_once(
    cluster: ApiCluster, whatsapp: WhatsAppSide
) -> None:
    async def react(command: Command) -> None:
        await whatsapp.qr(command.company_id, QR)
        await whatsapp.result(command)

    whatsapp.reaction = react
    first = await cluster.post_qr(0, token_for(SALON))
    second = await cluster.post_qr(1, token_for(SALON))

    assert first.json()["qr"] == second.json()["qr"] == QR
    assert len(whatsapp.commands) == 1


def _refusals(page: Page) -> int:
    return sum(told["code"] == "BAILEYS_ERROR" for told in page.all("pairing-code-error"))


async def test_limits_are_counted_over_both(cluster: ApiCluster, whatsapp: WhatsAppSide) -> None:
    async def react(command: Command) -> None:
        await whatsapp.refuse_code(command, ErrorCode.BAILEYS_ERROR)

    whatsapp.reaction = react
    async with a_page_on_each(cluster) as [one, two]:
        for count, page in enumerate((one, two, one), start=1):
            _, refused = await page.ask_code(PHONE)
            assert refused["code"] == "BAILEYS_ERROR"
            # Every page hears of it: one that came later would be taken for the next answer.
            await wait_until(lambda count=count: _refusals(one) == _refusals(two) == count)  # type: ignore[misc]
        _, limited = await two.ask_code(PHONE)

    assert limited["code"] == "RATE_LIMITED"
    assert 0 < limited["retryAfter"] <= 600
    assert len(whatsapp.commands) == 3


class BreakerOfBoth:
    """What is asked of either process, and how the WhatsApp side answers."""

    def __init__(self, cluster: ApiCluster, whatsapp: WhatsAppSide) -> None:
        self._cluster = cluster
        self._whatsapp = whatsapp
        self._salon = 2000

    def fail(self) -> None:
        async def react(command: Command) -> None:
            await self._whatsapp.result(command, ErrorCode.LINKER_FAILED)

        self._whatsapp.reaction = react

    def succeed(self) -> None:
        async def react(command: Command) -> None:
            await self._whatsapp.qr(command.company_id, QR)
            await self._whatsapp.result(command)

        self._whatsapp.reaction = react

    async def ask(self, number: int) -> dict[str, Any]:
        """The answer to a salon that has asked for nothing before: it has no live QR."""
        self._salon += 1
        answer = await self._cluster.post_qr(number, token_for(self._salon))
        return {"code": "", **answer.json(), "status": answer.status_code}

    async def given(self, number: int) -> bool:
        return bool((await self.ask(number))["status"] == httpx2.codes.OK)

    async def failed(self, number: int) -> bool:
        """False while it is refused without having been tried."""
        return bool((await self.ask(number))["code"] == "LINKER_FAILED")

    async def cool_down(self) -> None:
        """It was opened long ago."""
        await self._whatsapp.redis.hset(keys.breaker("qr-generation"), "opened_at", "0")

    async def states(self) -> list[str]:
        return [(await self._admin(url, "GET", "stats"))["state"] for url in self._cluster.urls]

    async def reset(self, number: int) -> None:
        await self._admin(self._cluster.urls[number], "POST", "reset")

    async def _admin(self, url: str, method: str, what: str) -> dict[str, Any]:
        async with httpx2.AsyncClient(
            base_url=url, verify=NOBODY, trust_env=False, timeout=PATIENCE_S
        ) as http:
            answer = await http.request(
                method,
                f"/marketplace/admin/circuit-breaker/{what}",
                headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
            )
        reading: dict[str, Any] = answer.json()["circuitBreakers"]["qrGeneration"]
        return reading


async def test_the_breaker_opens_tries_and_closes_for_both(
    cluster: ApiCluster, whatsapp: WhatsAppSide
) -> None:
    breaker = BreakerOfBoth(cluster, whatsapp)
    breaker.fail()
    for _ in range(5):
        assert await breaker.failed(0)
    for number in (1, 0):
        refused = await breaker.ask(number)
        assert (refused["status"], refused["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert 0 < refused["retry_after"] <= 60
    assert len(whatsapp.commands) == 5

    await breaker.cool_down()
    assert await breaker.failed(1)
    assert await breaker.states() == ["open", "open"]
    breaker.succeed()
    await breaker.cool_down()
    assert await breaker.given(0)
    assert await breaker.states() == ["half-open", "half-open"]
    assert await breaker.given(1)
    assert await breaker.states() == ["closed", "closed"]


async def test_the_sixth_waits_a_minute_and_a_reset_is_for_both(
    cluster: ApiCluster, whatsapp: WhatsAppSide
) -> None:
    breaker = BreakerOfBoth(cluster, whatsapp)
    breaker.fail()
    began = time.monotonic()
    for number in (0, 1, 0, 1, 0):
        assert await breaker.failed(number)
    refused = await breaker.ask(1)
    assert (refused["status"], refused["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert 60 - (time.monotonic() - began) <= refused["retry_after"] <= 60

    await breaker.reset(1)
    assert await breaker.states() == ["closed", "closed"]
    breaker.succeed()
    assert await breaker.given(0)


def test_the_breakers_numbers_are_the_documented_ones() -> None:
    fields = ApiSettings.model_fields
    assert fields["breaker_failures"].default == 5
    assert fields["breaker_successes"].default == 2
    assert fields["breaker_cool_down_s"].default == 60
    assert fields["breaker_operation_s"].default == 30
