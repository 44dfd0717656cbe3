"""What a fleet must come through. Each scenario says what became of its salons meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import psutil
import psycopg

from shared.company_id import SessionId
from tests.support.fleet import Fleet, Member
from tests.support.fleet_ground import Ground, Server
from tests.support.fleet_recorder import Recorder, recording
from tests.support.holdings import gauges
from tests.support.waiting import wait_until

LOOK_EVERY_S: Final = 0.5
UNWATCHED: Final = "watcher"


@dataclass
class Outcome:
    """``settled_s``: until each salon was connected, in one process alone.

    ``replaced``: salons whose device was held twice, how often. ``lost``: logins, so connections
    that did not stay up. ``stale``: events with an older epoch than one before them. ``ownerless``:
    looks at Postgres that found a linked salon without an owner.
    """

    settled_s: float = 0.0
    moved: int = 0
    away_s: dict[SessionId, float] = field(default_factory=dict)
    replaced: dict[SessionId, int] = field(default_factory=dict)
    lost: int = 0
    stale: list[str] = field(default_factory=list)
    ownerless: int = 0

    @property
    def longest_away_s(self) -> float:
        return max(self.away_s.values(), default=0.0)

    def describe(self) -> str:
        return (
            f"{self.moved} moved, away {self.longest_away_s:.1f} s at most, {self.lost} logins, "
            f"{sum(self.replaced.values())} replaced, {len(self.stale)} stale events"
        )

    def numbers(self) -> dict[str, object]:
        """Without the salons' names."""
        return {
            "settled_s": self.settled_s,
            "moved": self.moved,
            "longest_away_s": self.longest_away_s,
            "away_s": sorted((round(away_s, 2) for away_s in self.away_s.values()), reverse=True),
            "replaced": sum(self.replaced.values()),
            "lost": self.lost,
            "stale": self.stale,
            "ownerless": self.ownerless,
        }

    async def take(self, recorder: Recorder) -> None:
        self.away_s = await recorder.away_s()
        self.replaced = await recorder.replaced()
        self.lost = await recorder.lost()
        self.stale = recorder.stale()


async def kill(fleet: Fleet, name: str, timeout_s: float) -> Outcome:
    """SIGKILL for one; the others take its salons."""
    async with _observed(fleet) as outcome:
        outcome.moved = len(await held_by(fleet, name))
        fleet.kill(name)
        outcome.settled_s = await fleet.all_connected(timeout_s)
    return outcome


async def stand_still(fleet: Fleet, name: str, pause_s: float, timeout_s: float) -> Outcome:
    """SIGSTOP for one, its sockets stay; the others take its salons; then SIGCONT, and it ends."""
    member = fleet.members[name]
    async with _observed(fleet) as outcome:
        outcome.moved = len(await held_by(fleet, name))
        lives = len(member.lives)
        began = time.monotonic()
        member.pause()
        outcome.settled_s = await fleet.all_connected(timeout_s)
        await asyncio.sleep(max(0.0, pause_s - (time.monotonic() - began)))
        member.resume()
        await wait_until(
            lambda: len(member.lives) > lives, timeout_s, f"{name} has ended and is started anew"
        )
        await fleet.wait_healthy(member)
        await fleet.all_connected(timeout_s)
    return outcome


async def without_postgres(fleet: Fleet, away_s: float, timeout_s: float) -> Outcome:
    """It is shut down and started again; `settled_s` counts from its return."""
    return await _without(fleet, fleet.ground.postgres, away_s, timeout_s)


async def without_redis(fleet: Fleet, away_s: float, timeout_s: float) -> Outcome:
    return await _without(fleet, fleet.ground.redis, away_s, timeout_s)


async def silent_postgres(fleet: Fleet, away_s: float, timeout_s: float) -> Outcome:
    """It keeps its connections and takes new ones, and answers nothing."""
    return await _hung(fleet, fleet.ground.postgres, away_s, timeout_s)


async def silent_redis(fleet: Fleet, away_s: float, timeout_s: float) -> Outcome:
    return await _hung(fleet, fleet.ground.redis, away_s, timeout_s)


async def deploy(fleet: Fleet, names: Sequence[str], timeout_s: float) -> Outcome:
    """One after the other: SIGTERM, and a new life in its place."""
    async with _observed(fleet) as outcome, _watched(fleet.ground, outcome):
        began = time.monotonic()
        for name in names:
            outcome.moved += len(await held_by(fleet, name))
            await fleet.terminate(name)
            await fleet.start(name)
        await fleet.all_connected(timeout_s)
        outcome.settled_s = time.monotonic() - began
    return outcome


async def drain(fleet: Fleet, name: str, timeout_s: float) -> Outcome:
    """SIGTERM for one; its salons go to the others, and it ends."""
    async with _observed(fleet) as outcome, _watched(fleet.ground, outcome):
        began = time.monotonic()
        outcome.moved = len(await held_by(fleet, name))
        await fleet.terminate(name)
        await fleet.all_connected(timeout_s)
        outcome.settled_s = time.monotonic() - began
    return outcome


async def retire(fleet: Fleet, name: str, timeout_s: float) -> Outcome:
    """One closes a client so often that it retires; it has handed over its salons and come back."""
    member = fleet.members[name]
    async with _observed(fleet) as outcome, _watched(fleet.ground, outcome):
        held = await held_by(fleet, name)
        outcome.moved = len(held)
        lives, began = len(member.lives), time.monotonic()
        await _close_clients(fleet, member, min(held))
        await wait_until(
            lambda: len(member.lives) > lives, timeout_s, f"{name} has ended and is started anew"
        )
        await fleet.wait_healthy(member)
        await fleet.all_connected(timeout_s)
        outcome.settled_s = time.monotonic() - began
    return outcome


async def _close_clients(fleet: Fleet, member: Member, salon: SessionId) -> None:
    """As many as end it, all of one salon."""
    held = await gauges(member.url)
    for _ in range(int(held["clients_left_behind_limit"] - held["clients_left_behind"])):
        for ask in (fleet.bus.freeze, fleet.bus.thaw):
            await fleet.bus.obeyed(ask, salon)


async def held_by(fleet: Fleet, name: str) -> set[SessionId]:
    return {session_id for session_id, names in (await fleet.holders()).items() if name in names}


async def all_healthy(fleet: Fleet) -> bool:
    """Each process that runs says that it has everything it needs."""
    answers = await asyncio.gather(*map(fleet.health, fleet.members.values()))
    running = [
        it for it, member in zip(answers, fleet.members.values(), strict=True) if member.runs
    ]
    return all(answer is not None and answer["status"] == "ok" for answer in running)


async def _without(fleet: Fleet, server: Server, away_s: float, timeout_s: float) -> Outcome:
    def come_back() -> None:
        # In this thread: a server dies with the thread that has started it.
        server.ensure_started()

    await asyncio.to_thread(server.stop)
    return await _outage(fleet, away_s, timeout_s, come_back)


async def _hung(fleet: Fleet, server: Server, away_s: float, timeout_s: float) -> Outcome:
    stopped = server.processes()
    for process in stopped:
        process.suspend()

    def come_back() -> None:
        for process in stopped:
            if process.is_running():
                process.resume()

    return await _outage(fleet, away_s, timeout_s, come_back)


async def _outage(
    fleet: Fleet, away_s: float, timeout_s: float, come_back: Callable[[], None]
) -> Outcome:
    async with _observed(fleet) as outcome:
        try:
            await asyncio.sleep(away_s)
        finally:
            come_back()
        back = time.monotonic()
        await wait_until(lambda: all_healthy(fleet), timeout_s, "every process is healthy")
        await fleet.all_connected(timeout_s)
        outcome.settled_s = time.monotonic() - back
    return outcome


@asynccontextmanager
async def _observed(fleet: Fleet) -> AsyncIterator[Outcome]:
    outcome = Outcome()
    async with recording(fleet) as recorder:
        yield outcome
        await outcome.take(recorder)


@asynccontextmanager
async def _watched(ground: Ground, outcome: Outcome) -> AsyncIterator[None]:
    """Look twice a second whether each linked salon has an owner."""

    async def watch() -> None:
        while True:
            outcome.ownerless += bool(await asyncio.to_thread(ownerless, ground))
            await asyncio.sleep(LOOK_EVERY_S)

    task = asyncio.create_task(watch(), name="watch owners")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def ownerless(ground: Ground) -> int:
    """Linked salons that no process owns."""
    with psycopg.connect(ground.database_url, application_name=UNWATCHED) as connection:
        row = connection.execute(
            "SELECT count(*) FROM whatsapp_sessions WHERE jid IS NOT NULL AND owner IS NULL"
        ).fetchone()
    return int(row[0]) if row else 0


def processor_s(fleet: Fleet, name: str) -> float:
    """Processor time that a process has used so far."""
    times = psutil.Process(fleet.members[name].process.pid).cpu_times()
    return float(times.user + times.system)
