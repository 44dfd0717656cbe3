"""The publisher and a real server that is full, demoted, or killed with its last second."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from sandbox.services.ports import free_port
from sandbox.services.valkey import LASTING, ValkeySetup
from shared.bus import keys, unconfirmed
from shared.bus.announcement import Announcement, Announcer
from shared.bus.connection import connect_redis
from shared.bus.heartbeat import Heartbeats
from shared.bus.publisher import Publisher
from shared.bus.snapshots import Snapshots
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.messages.events import AnySessionEvent, Connected, Disconnected, decode_event
from shared.messages.snapshot import LiveQr, Snapshot
from shared.messages.status import SessionStatus
from tests.support.heart import beating
from tests.support.own_servers import OwnServer, own_valkey
from tests.support.places import open_folder
from tests.support.waiting import wait_until

SESSION = SessionId("company_1001")
FLUSH_S = 30.0


@dataclass
class Stage:
    setup: ValkeySetup
    server: OwnServer
    redis: Redis
    publisher: Publisher

    def publish(self, *events: AnySessionEvent) -> None:
        for event in events:
            status = SessionStatus.RECONNECTING
            if isinstance(event, Connected):
                status = SessionStatus.CONNECTED
            self.publisher.publish(Announcement(Snapshot(company_id=SESSION, status=status), event))

    async def log(self) -> list[str]:
        """Ids of the events that it holds."""
        entries: list[Any] = await self.redis.xrange(keys.EVENTS_LOG) or []
        return [_id_of(fields["event"]) for _, fields in entries]

    async def status(self) -> SessionStatus | None:
        state = await Snapshots(self.redis).present_state(SESSION)
        return state.snapshot.status if state.snapshot else None

    @property
    def append_only_file(self) -> Path:
        [path] = self.setup.folder.glob("appendonlydir/*.incr.aof")
        return path


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    with open_folder("publisher-valkey") as folder:
        setup = ValkeySetup(folder / "valkey", free_port(), settings=LASTING)
        server = own_valkey(setup)
        await server.start()
        redis = connect_redis(setup.url())
        publisher = Publisher(Announcer(redis), retry_unit_s=0.05)
        running = asyncio.create_task(publisher.run())
        yield Stage(setup, server, redis, publisher)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await redis.aclose()
        await server.stop()


async def _demoted(redis: Redis) -> None:
    await redis.replicaof("127.0.0.1", "9")  # where nobody ever listens


async def _promoted(redis: Redis) -> None:
    await redis.replicaof("NO", "ONE")


async def _without_replicas(redis: Redis) -> None:
    await redis.config_set("min-replicas-to-write", "1")


async def _with_replicas(redis: Redis) -> None:
    await redis.config_set("min-replicas-to-write", "0")


Change = Callable[[Redis], Awaitable[None]]


@pytest.mark.parametrize(
    ("breaks", "mends"),
    [(_demoted, _promoted), (_without_replicas, _with_replicas)],
)
async def test_events_wait_for_a_server_that_refuses_to_write(
    stage: Stage, breaks: Change, mends: Change
) -> None:
    events: list[AnySessionEvent] = [_connected(), _disconnected(), _connected()]
    stage.publish(events[0])
    assert await stage.publisher.flush(FLUSH_S)
    await breaks(stage.redis)
    stage.publish(*events[1:])
    assert not await stage.publisher.flush(0.5)

    await mends(stage.redis)

    assert await stage.publisher.flush(FLUSH_S)
    assert await stage.log() == [event.event_id for event in events]
    assert await stage.status() is SessionStatus.CONNECTED


async def test_a_full_server_takes_what_must_arrive_and_gets_the_qr_later(stage: Stage) -> None:
    event = _connected()
    live = LiveQr(qr="2@shown", expires_at=now_ms() + 60_000)
    await stage.redis.config_set("maxmemory", "1")
    stage.publish(event)
    assert await stage.publisher.flush(FLUSH_S)
    assert await stage.log() == [event.event_id]
    snapshot = Snapshot(company_id=SESSION, status=SessionStatus.QR)
    stage.publisher.publish(Announcement(snapshot, qr=live))
    assert not await stage.publisher.flush(0.5)

    await stage.redis.config_set("maxmemory", "0")

    assert await stage.publisher.flush(FLUSH_S)
    assert (await Snapshots(stage.redis).present_state(SESSION)).qr == live


async def test_a_heart_beats_in_a_full_server(stage: Stage) -> None:
    """Or its process would be taken for dead."""
    await stage.redis.config_set("maxmemory", "1")
    with pytest.raises(OutOfMemoryError):
        await stage.redis.set("any", "thing")

    async with beating(stage.redis, "process-1"):
        assert await Heartbeats(stage.redis).living() == {"process-1"}


async def test_the_last_second_of_a_killed_server_is_told_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unconfirmed, "SETTLED_S", 60.0)  # a slow machine's second is long
    kept, lost, later = _connected(), _disconnected(), _connected()
    stage.publish(kept)
    assert await stage.publisher.flush(FLUSH_S)
    written = stage.append_only_file.stat().st_size
    stage.publish(lost)
    assert await stage.publisher.flush(FLUSH_S)

    await stage.server.kill()
    with stage.append_only_file.open("r+b") as file:
        file.truncate(written)
    stage.publish(later)
    await stage.server.start()

    await wait_until(lambda: _holds(stage, later), FLUSH_S)
    assert await stage.log() == [kept.event_id, kept.event_id, lost.event_id, later.event_id]
    assert await stage.status() is SessionStatus.CONNECTED


async def _holds(stage: Stage, event: AnySessionEvent) -> bool:
    return event.event_id in await stage.log()


def _connected() -> Connected:
    return Connected(company_id=SESSION, phone_number="79990000001")


def _disconnected() -> Disconnected:
    return Disconnected(company_id=SESSION, reason="socket_lost")


def _id_of(payload: str) -> str:
    event = decode_event(payload)
    assert isinstance(event, Connected | Disconnected)
    return event.event_id
