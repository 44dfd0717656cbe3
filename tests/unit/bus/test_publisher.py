"""Order, retries and recovery of the publisher, with an announcer that fails on demand."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from structlog.testing import capture_logs

from shared.bus.announcement import Announcement, AnotherServerError, Taken
from shared.bus.publisher import MAX_WAITING, Publisher
from shared.bus.unconfirmed import SETTLED_S, Unconfirmed
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.messages.events import Connected, Disconnected, PairingCode, StatusChanged
from shared.messages.snapshot import LiveCode, Snapshot
from shared.messages.status import SessionStatus
from tests.support.waiting import PATIENCE_S, wait_until

SESSION = SessionId("company_1001")


class FakeAnnouncer:
    def __init__(self) -> None:
        self.told: list[Announcement] = []
        self.tries = 0
        self.away = False
        self.newer_owner = False
        self.refusal: ResponseError | None = None
        self.answering = "first"

    async def server(self) -> str:
        return self.answering

    async def announce(self, announcement: Announcement, expected_server: str) -> Taken:
        self.tries += 1
        if self.away:
            raise RedisConnectionError
        if self.refusal is not None:
            raise self.refusal
        if expected_server not in {"", self.answering}:
            raise AnotherServerError(self.answering)
        self.told.append(announcement)
        return Taken(not self.newer_owner, self.answering)


@pytest.fixture
def announcer() -> FakeAnnouncer:
    return FakeAnnouncer()


@pytest.fixture
async def publisher(announcer: FakeAnnouncer) -> AsyncIterator[Publisher]:
    publisher = Publisher(announcer, retry_unit_s=0.001)  # type: ignore[arg-type]
    task = asyncio.create_task(publisher.run())
    yield publisher
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def snapshot(status: SessionStatus = SessionStatus.CONNECTED) -> Snapshot:
    return Snapshot(company_id=SESSION, status=status)


def connected() -> Announcement:
    return Announcement(snapshot(), Connected(company_id=SESSION, phone_number="79990000001"))


def disconnected() -> Announcement:
    event = Disconnected(company_id=SESSION, reason="socket_lost")
    return Announcement(snapshot(SessionStatus.RECONNECTING), event)


def status(value: SessionStatus) -> Announcement:
    return Announcement(snapshot(value), StatusChanged(company_id=SESSION, status=value))


async def test_what_is_published_goes_out_in_order(
    publisher: Publisher, announcer: FakeAnnouncer
) -> None:
    sent = [connected(), disconnected(), connected()]

    for announcement in sent:
        publisher.publish(announcement)

    assert await publisher.flush(PATIENCE_S)
    assert announcer.told == sent


async def test_a_publication_is_tried_four_times_in_a_row(
    publisher: Publisher, announcer: FakeAnnouncer
) -> None:
    announcer.away = True

    publisher.publish(status(SessionStatus.QR))

    await wait_until(lambda: announcer.tries >= 4)


async def test_durable_events_outlive_an_outage_in_their_order_and_news_does_not(
    publisher: Publisher, announcer: FakeAnnouncer
) -> None:
    announcer.away = True
    first, news, second = connected(), status(SessionStatus.CONNECTED), disconnected()
    for announcement in (first, news, second):
        publisher.publish(announcement)
    await wait_until(lambda: announcer.tries >= 8)

    announcer.away = False

    assert await publisher.flush(PATIENCE_S)
    assert [item.event for item in announcer.told[:2]] == [first.event, second.event]
    last = announcer.told[-1]
    assert last.snapshot == second.snapshot
    assert isinstance(last.event, StatusChanged)
    assert last.event.status is SessionStatus.RECONNECTING


async def test_after_an_outage_the_newest_state_has_the_last_word(
    publisher: Publisher, announcer: FakeAnnouncer
) -> None:
    announcer.away = True
    publisher.publish(disconnected())
    await wait_until(lambda: announcer.tries >= 4)

    announcer.away = False
    newest = connected()
    publisher.publish(newest)

    assert await publisher.flush(PATIENCE_S)
    assert announcer.told[-1].snapshot == newest.snapshot


async def test_an_answer_that_would_be_the_same_again_holds_nobody_up(
    publisher: Publisher, announcer: FakeAnnouncer
) -> None:
    announcer.refusal = ResponseError("WRONGTYPE")
    publisher.publish(connected())
    await wait_until(lambda: announcer.tries == 2)
    announcer.refusal = None
    publisher.publish(disconnected())

    assert await publisher.flush(PATIENCE_S)
    assert isinstance(announcer.told[0].event, Disconnected)


async def test_everything_is_told_again_when_redis_may_have_forgotten(
    publisher: Publisher, announcer: FakeAnnouncer
) -> None:
    publisher.publish(connected())
    assert await publisher.flush(PATIENCE_S)

    publisher.tell_everything_again()

    assert await publisher.flush(PATIENCE_S)
    assert [type(item.event) for item in announcer.told] == [Connected, StatusChanged]


async def test_a_newer_owner_silences_us_without_retries(
    publisher: Publisher, announcer: FakeAnnouncer
) -> None:
    announcer.newer_owner = True

    publisher.publish(connected())

    assert await publisher.flush(PATIENCE_S)
    assert announcer.tries == 1


async def test_flush_gives_up_when_redis_stays_away(
    publisher: Publisher, announcer: FakeAnnouncer
) -> None:
    announcer.away = True
    publisher.publish(connected())

    assert not await publisher.flush(0.05)


async def test_the_queue_is_bounded_and_keeps_what_must_arrive(announcer: FakeAnnouncer) -> None:
    publisher = Publisher(announcer, retry_unit_s=0.001)  # type: ignore[arg-type]
    must_arrive = connected()
    publisher.publish(must_arrive)
    for _ in range(MAX_WAITING + 50):
        publisher.publish(status(SessionStatus.QR))

    assert publisher.waiting <= MAX_WAITING + 1
    task = asyncio.create_task(publisher.run())
    assert await publisher.flush(60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert announcer.told[0] == must_arrive


@pytest.mark.parametrize("lost", [False, True])
async def test_what_a_server_may_have_lost_with_its_last_second_is_told_again_in_order(
    publisher: Publisher, announcer: FakeAnnouncer, lost: bool
) -> None:
    first, second, third = connected(), disconnected(), connected()
    publisher.publish(first)
    publisher.publish(second)
    assert await publisher.flush(PATIENCE_S)
    announcer.told.clear()
    announcer.answering = "second" if lost else "first"

    publisher.publish(third)
    publisher.tell_everything_again()

    assert await publisher.flush(PATIENCE_S)
    durable = [item.event for item in announcer.told if item.durable]
    assert durable == ([first.event, second.event, third.event] if lost else [third.event])
    assert announcer.told[0].snapshot == third.snapshot


async def test_a_code_that_went_by_while_redis_was_away_is_told_afterwards(
    publisher: Publisher, announcer: FakeAnnouncer
) -> None:
    announcer.away = True
    expires_at = now_ms() + 60_000
    live = LiveCode(code="ABCD-2345", phone_number="79990000001", expires_at=expires_at)
    event = PairingCode(
        company_id=SESSION,
        code=live.code,
        phone_number=live.phone_number,
        expires_in=60,
        expires_at=expires_at,
    )
    publisher.publish(Announcement(snapshot(SessionStatus.PAIRING), event, code=live))
    await wait_until(lambda: announcer.tries >= 4)
    await wait_until(lambda: announcer.tries >= 8)

    announcer.away = False

    assert await publisher.flush(PATIENCE_S)
    status_told, code_told = announcer.told
    assert (status_told.code, code_told.keep_code) == (live, True)
    assert isinstance(code_told.event, PairingCode)
    assert code_told.event.code == live.code


async def test_what_is_given_up_is_said(publisher: Publisher, announcer: FakeAnnouncer) -> None:
    announcer.away = True
    with capture_logs() as logs:
        for _ in range(MAX_WAITING + 2):
            publisher.publish(disconnected())

    dropped = [line for line in logs if line["event"] == "bus_event_dropped"]
    assert [(line["why"], line["type"], line["company_id"]) for line in dropped] == [
        ("overflow", "disconnected", SESSION)
    ] * 2
    assert publisher.waiting == MAX_WAITING + 1


async def test_what_has_settled_is_not_told_again() -> None:
    clock = [0.0]
    unconfirmed = Unconfirmed(lambda: clock[0])
    first, second = connected(), disconnected()
    assert unconfirmed.confirm("one") == []
    unconfirmed.took(first)
    clock[0] = SETTLED_S
    unconfirmed.took(second)

    assert unconfirmed.confirm("one") == []
    assert unconfirmed.confirm("two") == [second]
    assert unconfirmed.confirm("three") == []
