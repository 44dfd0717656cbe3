"""Events over a real Redis-protocol server: atomic, once, in order, and never lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import pytest
import structlog.testing
from redis.asyncio import Redis

from shared.bus import keys
from shared.bus.announcement import Announcement, Announcer
from shared.bus.connection import connect_redis
from shared.bus.snapshots import Snapshots
from shared.bus.subscriber import EventSubscriber
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.messages.events import (
    AnySessionEvent,
    Connected,
    Disconnected,
    PairingCode,
    Qr,
    StatusChanged,
)
from shared.messages.snapshot import LiveCode, LiveQr, Snapshot
from shared.messages.status import SessionStatus
from tests.support.waiting import PATIENCE_S, wait_until

SESSION = SessionId("company_1001")
PHONE = "79990000001"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect_redis(redis_url)
    yield client
    await client.aclose()


@asynccontextmanager
async def subscribed(redis: Redis, seen: list[AnySessionEvent]) -> AsyncIterator[EventSubscriber]:
    async def handle(event: AnySessionEvent) -> None:
        seen.append(event)

    subscriber = EventSubscriber(redis, handle)
    task = asyncio.create_task(subscriber.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await subscriber.listener.subscribed.wait()
        yield subscriber
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def connected(epoch: int = 1) -> Announcement:
    return Announcement(
        Snapshot(
            company_id=SESSION,
            status=SessionStatus.CONNECTED,
            connected=True,
            phone_number=PHONE,
            epoch=epoch,
        ),
        Connected(company_id=SESSION, phone_number=PHONE, epoch=epoch),
    )


def qr(text: str = "2@qr") -> Announcement:
    expires_at = now_ms() + 20_000
    return Announcement(
        Snapshot(company_id=SESSION, status=SessionStatus.QR),
        Qr(company_id=SESSION, qr=text, expires_in=20, expires_at=expires_at),
        qr=LiveQr(qr=text, expires_at=expires_at),
        keep_code=True,
    )


def code() -> Announcement:
    expires_at = now_ms() + 50_000
    return Announcement(
        Snapshot(company_id=SESSION, status=SessionStatus.PAIRING),
        PairingCode(
            company_id=SESSION,
            code="ABCD-1234",
            phone_number=PHONE,
            expires_in=50,
            expires_at=expires_at,
        ),
        code=LiveCode(code="ABCD-1234", phone_number=PHONE, expires_at=expires_at),
        keep_qr=True,
    )


async def test_a_durable_event_is_in_the_log_and_carries_its_place(redis: Redis) -> None:
    seen: list[AnySessionEvent] = []
    async with subscribed(redis, seen):
        await Announcer(redis).announce(connected())
        await wait_until(lambda: len(seen) == 1)

    entries: Any = await redis.xrange(keys.EVENTS_LOG)
    [(stream_id, _)] = entries
    assert seen[0].stream_id == stream_id
    snapshot = (await Snapshots(redis).present_state(SESSION)).snapshot
    assert snapshot is not None
    assert snapshot.connected
    assert snapshot.phone_number == PHONE
    assert await redis.ttl(keys.session_snapshot(SESSION)) == -1


async def test_secrets_expire_and_never_enter_the_log(redis: Redis) -> None:
    announcer = Announcer(redis)
    await announcer.announce(qr())
    await announcer.announce(code())

    assert 0 < await redis.pttl(keys.live_qr(SESSION)) <= 20_000
    assert 0 < await redis.pttl(keys.live_code(SESSION)) <= 50_000
    assert await redis.xlen(keys.EVENTS_LOG) == 0
    assert "2@qr" not in str(await redis.hgetall(keys.session_snapshot(SESSION)))


@pytest.mark.parametrize(
    ("status", "lasting"),
    [
        (SessionStatus.FROZEN, True),
        (SessionStatus.BANNED, True),
        (SessionStatus.REPLACED, True),
        (SessionStatus.LOGGED_OUT, False),
        (SessionStatus.QR_EXPIRED, False),
    ],
)
async def test_what_is_known_of_a_salon_lasts_as_long_as_its_session_may_say_nothing(
    redis: Redis, status: SessionStatus, lasting: bool
) -> None:
    await Announcer(redis).announce(Announcement(Snapshot(company_id=SESSION, status=status)))

    expires_in_ms = await redis.pttl(keys.session_snapshot(SESSION))

    assert (expires_in_ms == -1) is lasting


async def test_connecting_removes_both_secrets(redis: Redis) -> None:
    announcer = Announcer(redis)
    await announcer.announce(qr())
    await announcer.announce(code())

    await announcer.announce(connected())

    assert not await redis.exists(keys.live_qr(SESSION), keys.live_code(SESSION))


async def test_a_stale_owner_changes_nothing(redis: Redis) -> None:
    announcer = Announcer(redis)
    assert (await announcer.announce(connected(epoch=7))).accepted
    stale = Announcement(
        Snapshot(company_id=SESSION, status=SessionStatus.LOGGED_OUT, epoch=6),
        Disconnected(company_id=SESSION, reason="socket_lost", epoch=6),
    )

    assert not (await announcer.announce(stale)).accepted

    assert await redis.xlen(keys.EVENTS_LOG) == 1
    assert (await redis.hgetall(keys.session_snapshot(SESSION)))["status"] == "connected"


async def test_what_was_missed_is_read_from_the_log_once_and_in_order(
    redis: Redis, redis_url: str
) -> None:
    seen: list[AnySessionEvent] = []
    announcer = Announcer(redis)
    reader = connect_redis(redis_url)
    async with subscribed(reader, seen) as subscriber:
        await announcer.announce(connected())
        await wait_until(lambda: len(seen) == 1)
        subscriber.listener.subscribed.clear()
        for client in await redis.client_list(_type="pubsub"):
            await redis.client_kill_filter(_id=client["id"])
        lost = Disconnected(company_id=SESSION, reason="socket_lost")
        snapshot = Snapshot(
            company_id=SESSION, status=SessionStatus.RECONNECTING, phone_number=PHONE
        )
        await announcer.announce(Announcement(snapshot, lost))
        await announcer.announce(connected())
        await wait_until(lambda: len(seen) == 3)
        await announcer.announce(connected())
        await wait_until(lambda: len(seen) == 4)
    await reader.aclose()

    assert [event.type for event in seen] == [
        "connected",
        "disconnected",
        "connected",
        "connected",
    ]
    assert len({event.event_id for event in seen}) == 4


POISON: Final[dict[str, dict[str, str]]] = {
    "not JSON": {"event": "not json"},
    "another field": {"x": "y"},
    "an array": {"event": "[]"},
    "unknown type": {"event": '{"type":"no-such-type"}'},
    "another salon's form": {"event": '{"type":"logout","companyId":"company_01"}'},
    "NUL": {"event": '{"type":"logout"}\x00'},
    "1 MB": {"event": "x" * 1_000_000},
}


@pytest.mark.parametrize("fields", POISON.values(), ids=POISON)
async def test_a_poisoned_entry_of_the_log_is_one_line_and_the_next_is_read(
    redis: Redis, redis_url: str, fields: dict[str, str]
) -> None:
    seen: list[AnySessionEvent] = []
    reader = connect_redis(redis_url)
    with structlog.testing.capture_logs() as logs:
        async with subscribed(reader, seen) as subscriber:
            subscriber.listener.subscribed.clear()
            await redis.xadd(keys.EVENTS_LOG, cast("Any", fields))
            await redis.client_kill_filter(_type="pubsub")
            await Announcer(redis).announce(connected())
            await wait_until(lambda: len(seen) == 1)
    await reader.aclose()

    assert [line["event"] for line in logs if line["event"] != "bus_subscription_lost"] == [
        "bus_event_invalid"
    ]


async def test_a_place_that_the_log_has_not_reached_is_not_believed(
    redis: Redis, redis_url: str
) -> None:
    """Else nothing of the log would be read any more after the next outage."""
    seen: list[AnySessionEvent] = []
    reader = connect_redis(redis_url)
    async with subscribed(reader, seen) as subscriber:
        await Announcer(redis).announce(connected())
        liar = StatusChanged(
            company_id=SESSION, status=SessionStatus.QR, stream_id="999999999999999-0"
        )
        await redis.publish(keys.EVENTS_CHANNEL, liar.to_json())
        await wait_until(lambda: len(seen) == 2)
        for count in (3, 4):
            subscriber.listener.subscribed.clear()
            await redis.client_kill_filter(_type="pubsub")
            await asyncio.wait_for(subscriber.listener.subscribed.wait(), PATIENCE_S)
            await Announcer(redis).announce(connected())
            await wait_until(lambda count=count: len(seen) == count)  # type: ignore[misc]
    await reader.aclose()


async def test_rubbish_and_stale_epochs_are_dropped_and_stop_nothing(redis: Redis) -> None:
    seen: list[AnySessionEvent] = []
    old = StatusChanged(company_id=SESSION, status=SessionStatus.ERROR, epoch=1)
    new = StatusChanged(company_id=SESSION, status=SessionStatus.QR, epoch=2)
    async with subscribed(redis, seen):
        for payload in (
            "not json",
            "[]",
            '{"type":"no-such-type"}',
            '{"type":"connected","companyId":"company_01","phoneNumber":"79990000001"}',
            '{"type":"ping","testId":"ping_1"}',
            new.to_json(),
            old.to_json(),
            new.to_json(),
        ):
            await redis.publish(keys.EVENTS_CHANNEL, payload)
        await announcer_done(redis, seen)

    assert [event.event_id for event in seen[:-1]] == [new.event_id]


async def announcer_done(redis: Redis, seen: list[AnySessionEvent]) -> None:
    """A last event behind all others: when it is here, they have been dealt with."""
    last = StatusChanged(company_id=SESSION, status=SessionStatus.IDLE, epoch=9)
    await redis.publish(keys.EVENTS_CHANNEL, last.to_json())
    await wait_until(lambda: bool(seen) and seen[-1].event_id == last.event_id)


async def test_bytes_that_are_no_text_end_nothing(redis: Redis) -> None:
    seen: list[AnySessionEvent] = []
    async with subscribed(redis, seen):
        await redis.publish(keys.EVENTS_CHANNEL, b'{"type":"ping","testId":"\xff"}')
        await redis.publish(keys.EVENTS_CHANNEL, b"\xff\xfe{")
        await announcer_done(redis, seen)


async def test_a_key_of_another_kind_is_no_obstacle(redis: Redis) -> None:
    await redis.set(keys.session_snapshot(SESSION), "poison")

    assert (await Announcer(redis).announce(connected())).accepted

    await redis.hset(keys.session_snapshot(SESSION), "epoch", "poison")
    assert (await Announcer(redis).announce(connected())).accepted


async def test_a_documented_event_of_the_old_system_is_understood(redis: Redis) -> None:
    seen: list[AnySessionEvent] = []
    async with subscribed(redis, seen):
        await redis.publish(
            keys.EVENTS_CHANNEL,
            '{"type":"connected","companyId":"company_1001",'
            '"phoneNumber":"79990000001","timestamp":1764936000000}',
        )
        await wait_until(lambda: len(seen) == 1)

    assert isinstance(seen[0], Connected)
