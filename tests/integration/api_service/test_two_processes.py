"""Two API processes act as one: one code at a time, one copy of each event, one breaker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from api_service.settings import ApiSettings
from shared.company_id import SalonId, session_id_of
from shared.errors import ErrorCode
from shared.messages.commands import Command, RequestPairingCode
from tests.support.api import token_for
from tests.support.api_cluster import ApiCluster, start_api_cluster
from tests.support.page import Page, open_page
from tests.support.processes import Starter
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import WhatsAppSide

SALON = SalonId(1001)
SESSION = session_id_of(SALON)
PHONE, OTHER_PHONE = "79990000001", "79990000002"
QR = "2@a,b,c,d,1"


@pytest.fixture
def cluster(start_process: Starter, database_url: str, redis_url: str) -> ApiCluster:
    return start_api_cluster(
        start_process, database_url, redis_url, BREAKER_COOL_DOWN_S="1", QR_DEADLINE_S="5"
    )


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

        await asyncio.gather(
            *(page.ask("request-pairing-code", {"phoneNumber": PHONE}) for page in pages)
        )
        for page in pages:
            again = await page.next("pairing-code", 2)
            assert (again["code"], again["expiresAt"]) == (shown["code"], shown["expiresAt"])
            assert again["expiresIn"] * 1000 >= again["expiresAt"] - again["serverTime"]
            assert again["expiresIn"] * 1000 < again["expiresAt"] - again["serverTime"] + 1000
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


async def test_limits_are_counted_over_both(cluster: ApiCluster, whatsapp: WhatsAppSide) -> None:
    async def react(command: Command) -> None:
        await whatsapp.refuse_code(command, ErrorCode.BAILEYS_ERROR)

    whatsapp.reaction = react
    async with a_page_on_each(cluster) as [one, two]:
        for page in (one, two, one):
            _, refused = await page.ask_code(PHONE)
            assert refused["code"] == "BAILEYS_ERROR"
        _, limited = await two.ask_code(PHONE)

    assert limited["code"] == "RATE_LIMITED"
    assert 0 < limited["retryAfter"] <= 600
    assert len(whatsapp.commands) == 3


async def test_failures_seen_by_one_open_the_breaker_of_the_other_and_reset_is_for_all(
    cluster: ApiCluster, whatsapp: WhatsAppSide
) -> None:
    async def fail(command: Command) -> None:
        await whatsapp.result(command, ErrorCode.LINKER_FAILED)

    async def succeed(command: Command) -> None:
        await whatsapp.qr(command.company_id, QR)
        await whatsapp.result(command)

    async def codes(number: int, salon: int) -> tuple[int, str]:
        answer = await cluster.post_qr(number, token_for(salon))
        return answer.status_code, str(answer.json().get("code", ""))

    whatsapp.reaction = fail
    for number in (0, 1, 0, 1, 0):
        assert await codes(number, 1001) == (503, "LINKER_FAILED")
    for number in (0, 1):
        assert await codes(number, 1001) == (503, "SERVICE_UNAVAILABLE")
    assert len(whatsapp.commands) == 5

    whatsapp.reaction = succeed

    async def admitted() -> bool:
        return (await codes(1, 2001))[0] == 200

    await wait_until(admitted, what="half-open after the cool-down")
    assert await codes(0, 2002) == (200, "")
    whatsapp.reaction = fail
    assert await codes(1, 2003) == (503, "LINKER_FAILED")


def test_the_breakers_numbers_are_the_documented_ones() -> None:
    fields = ApiSettings.model_fields
    assert fields["breaker_failures"].default == 5
    assert fields["breaker_successes"].default == 2
    assert fields["breaker_cool_down_s"].default == 60
    assert fields["breaker_operation_s"].default == 30
