"""Order, retries and recovery of the publisher, with an announcer that fails on demand."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from shared.bus.announcement import Announcement
from shared.bus.publisher import MAX_WAITING, Publisher
from shared.company_id import SessionId
from shared.messages.events import Connected, Disconnected, StatusChanged
from shared.messages.snapshot import Snapshot
from shared.messages.status import SessionStatus
from tests.support.waiting import wait_until

SESSION = SessionId("company_1001")


class FakeAnnouncer:
    def __init__(self) -> None:
        self.told: list[Announcement] = []
        self.tries = 0
        self.away = False
        self.newer_owner = False
        self.refusal: ResponseError | None = None

    async def announce(self, announcement: Announcement) -> bool:
        self.tries += 1
        if self.away:
            raise RedisConnectionError
        if self.refusal is not None:
            raise self.refusal
        self.told.append(announcement)
        return not self.newer_owner


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

    assert await publisher.flush(2)
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

    assert await publisher.flush(2)
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

    assert await publisher.flush(2)
    assert announcer.told[-1].snapshot == newest.snapshot


async def test_an_answer_that_would_be_the_same_again_holds_nobody_up(
    publisher: Publisher, announcer: FakeAnnouncer
) -> None:
    announcer.refusal = ResponseError("WRONGTYPE")
    publisher.publish(connected())
    await wait_until(lambda: announcer.tries == 1)
    announcer.refusal = None
    publisher.publish(disconnected())

    assert await publisher.flush(2)
    assert isinstance(announcer.told[0].event, Disconnected)


async def test_everything_is_told_again_when_redis_may_have_forgotten(
    publisher: Publisher, announcer: FakeAnnouncer
) -> None:
    publisher.publish(connected())
    assert await publisher.flush(2)

    publisher.tell_everything_again()

    assert await publisher.flush(2)
    assert [type(item.event) for item in announcer.told] == [Connected, StatusChanged]


async def test_a_newer_owner_silences_us_without_retries(
    publisher: Publisher, announcer: FakeAnnouncer
) -> None:
    announcer.newer_owner = True

    publisher.publish(connected())

    assert await publisher.flush(2)
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
    assert await publisher.flush(10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert announcer.told[0] == must_arrive
