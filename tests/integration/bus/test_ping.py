"""Ping and pong as documented, seen by a bare Redis client."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from shared.bus import keys
from shared.bus.connection import connect_redis
from shared.bus.heartbeat import Heartbeats
from shared.bus.ping import NobodyAnsweredError, PingResponder, RoundTrips
from tests.support.heart import beating
from tests.support.waiting import PATIENCE_S


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect_redis(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def responder(redis: Redis) -> AsyncIterator[PingResponder]:
    responder = PingResponder(redis, "process-1")
    task = asyncio.create_task(responder.run())
    async with asyncio.timeout(PATIENCE_S):
        await responder.listener.subscribed.wait()
    yield responder
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def round_trips(redis: Redis) -> AsyncIterator[RoundTrips]:
    trips = RoundTrips(redis)
    task = asyncio.create_task(trips.run())
    async with asyncio.timeout(PATIENCE_S):
        await trips.listener.subscribed.wait()
    yield trips
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.usefixtures("responder")
async def test_a_bare_client_reads_the_documented_pong(redis_url: str) -> None:
    bare = Redis.from_url(redis_url, decode_responses=True)
    pubsub = bare.pubsub()
    await pubsub.subscribe("whatsapp:health")
    await pubsub.get_message(timeout=PATIENCE_S)

    ping = {"type": "ping", "testId": "ping_1764936000000_ab12", "timestamp": 1764936000000}
    await bare.publish("whatsapp:events", json.dumps(ping))
    message = await pubsub.get_message(timeout=PATIENCE_S)

    assert message is not None
    pong = json.loads(message["data"])
    assert pong.pop("timestamp") > 1764936000000
    assert pong == {
        "type": "pong",
        "testId": "ping_1764936000000_ab12",
        "service": "whatsapp-service",
        "processId": "process-1",
    }
    await pubsub.aclose()  # type: ignore[no-untyped-call]
    await bare.aclose()


@pytest.mark.usefixtures("responder")
async def test_round_trips_are_measured(round_trips: RoundTrips) -> None:
    there, here = await asyncio.gather(
        round_trips.through_whatsapp_service(PATIENCE_S), round_trips.through_redis(PATIENCE_S)
    )

    assert there.test_id.startswith("ping_")
    assert there.latency_ms > 0
    assert here.latency_ms > 0


@pytest.mark.usefixtures("responder")
async def test_those_who_should_answer_and_do_not_are_named(
    redis: Redis, round_trips: RoundTrips
) -> None:
    """A heart that was heard and is silent now, and one that beats while its process hangs."""
    async with beating(redis, "process-1"), beating(redis, "hangs"):
        await redis.sadd(keys.PROCESSES, "killed")
        trip = await round_trips.through_whatsapp_service(PATIENCE_S)
        assert trip.silent == ("hangs", "killed")

    await Heartbeats(redis).strike_off("killed")
    assert (await round_trips.through_whatsapp_service(PATIENCE_S)).silent == ()


async def test_when_nobody_answers_all_are_named(redis: Redis, round_trips: RoundTrips) -> None:
    await redis.sadd(keys.PROCESSES, "killed")
    with pytest.raises(NobodyAnsweredError) as nobody:
        await round_trips.through_whatsapp_service(1.0)
    assert nobody.value.silent == ("killed",)


async def test_nobody_answers_is_a_timeout_and_leaves_nothing_behind(
    round_trips: RoundTrips,
) -> None:
    with pytest.raises(TimeoutError):
        await round_trips.through_whatsapp_service(0.2)

    assert not round_trips._waiting


@pytest.mark.usefixtures("responder")
async def test_a_cut_connection_heals(redis: Redis, round_trips: RoundTrips) -> None:
    await round_trips.through_whatsapp_service(PATIENCE_S)

    for client in await redis.client_list(_type="pubsub"):
        await redis.client_kill_filter(_id=client["id"])

    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await round_trips.through_whatsapp_service(0.5)
                break
            except TimeoutError:
                continue
