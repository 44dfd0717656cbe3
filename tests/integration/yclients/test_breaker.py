"""The breaker around YClients, shared by the clients of all API processes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import pytest
from redis.asyncio import Redis

from api_service.store.breaker_record import BreakerPolicy, BreakerRecord, BreakerState
from api_service.yclients.access import Access
from api_service.yclients.client import Yclients
from api_service.yclients.errors import AmbiguousError, NotSentError, YclientsError
from shared.bus import keys
from shared.bus.connection import connect_redis
from tests.support.scripted_yclients import (
    Script,
    ScriptedYclients,
    answer,
    refusal,
    reset,
    scripted_yclients,
    success,
)
from tests.support.waiting import wait_until
from tests.support.yclients_parts import ACCEPT, APPLICATION_ID, PARTNER_TOKEN, FreeBudget

POLICY: Final = BreakerPolicy(failures=3, successes=2, cool_down_s=60, operation_s=60)
ACTIVE: Final = success({"connection_status": {"status": "active"}})


@pytest.fixture
async def yclients() -> AsyncIterator[ScriptedYclients]:
    async with scripted_yclients() as scripted:
        yield scripted


@pytest.fixture
async def record(redis_url: str) -> AsyncIterator[BreakerRecord]:
    redis = connect_redis(redis_url)
    yield BreakerRecord(redis, "yclients", POLICY)
    await redis.aclose()


async def cool_down(redis_url: str) -> None:
    """Its time passes now, and no sooner on a machine that stood still."""
    async with connect_redis(redis_url) as redis:
        await redis.hincrby(keys.breaker("yclients"), "opened_at", -60_000)


@contextlib.asynccontextmanager
async def process(url: str, redis_url: str) -> AsyncIterator[Yclients]:
    redis: Redis = connect_redis(redis_url)
    access = Access(url, PARTNER_TOKEN, APPLICATION_ID, ACCEPT, call_s=30)
    client = Yclients(access, FreeBudget(), BreakerRecord(redis, "yclients", POLICY))
    try:
        yield client
    finally:
        await client.close()
        await redis.aclose()


async def ends(client: Yclients) -> str:
    try:
        await client.activate(1001, "key", [])
    except YclientsError as error:
        return error.reason
    return "ok"


async def test_it_opens_for_all_and_closes_after_trials_one_at_a_time(
    yclients: ScriptedYclients, record: BreakerRecord, redis_url: str
) -> None:
    async with process(yclients.url, redis_url) as one, process(yclients.url, redis_url) as other:
        yclients.will(answer(500))
        failures = [await ends(client) for client in (one, other, one)]
        with pytest.raises(NotSentError) as refused:
            await other.connection(1001)
        asked = len(yclients.asked)

        held = asyncio.Event()

        async def slow(writer: asyncio.StreamWriter) -> None:
            await held.wait()
            await ACTIVE(writer)

        yclients.will(slow)
        await cool_down(redis_url)
        assert (await record.read()).state is BreakerState.HALF_OPEN
        trial = asyncio.create_task(ends(one))
        await wait_until(lambda: yclients.asked, what="the trial is at YClients")
        beside = await ends(other)
        held.set()
        closed = [await trial, await ends(other)]

    assert failures == ["server_error"] * 3
    assert (refused.value.reason, asked) == ("breaker_open", 3)
    assert refused.value.retry_after_s is not None
    assert beside == "breaker_open"
    assert closed == ["ok", "ok"]
    assert (await record.read()).state is BreakerState.CLOSED


@pytest.mark.parametrize("step", [reset, answer(502)], ids=["reset", "502"])
async def test_what_is_no_answer_opens_it(
    yclients: ScriptedYclients, record: BreakerRecord, redis_url: str, step: Script
) -> None:
    yclients.will(step)
    async with process(yclients.url, redis_url) as client:
        for _ in range(POLICY.failures):
            with pytest.raises(AmbiguousError):
                await client.activate(1001, "key", [])

    assert (await record.read()).state is BreakerState.OPEN


async def test_a_refusal_is_an_answer(
    yclients: ScriptedYclients, record: BreakerRecord, redis_url: str
) -> None:
    async with process(yclients.url, redis_url) as client:
        yclients.will(answer(500))
        [await ends(client) for _ in range(POLICY.failures - 1)]
        yclients.will(refusal(400, "Агрегатор не найден"), answer(500))
        endings = [await ends(client) for _ in range(POLICY.failures)]

    assert endings == ["application_unknown", "server_error", "server_error"]
    reading = await record.read()
    assert (reading.state, reading.failures) == (BreakerState.CLOSED, POLICY.failures - 1)
