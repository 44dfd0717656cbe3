"""Who is alive: leases in a real Postgres, hearts in a real Redis, verdicts of one on another."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shared.company_id import SessionId
from tests.support.clock import Clock
from tests.support.owners_town import OwnersTown, Resident, owners_town
from tests.support.waiting import wait_until
from whatsapp_service.owners import hearts, lease, machine
from whatsapp_service.owners.guard import elapsed_s
from whatsapp_service.owners.machine import born, gone

SALON = SessionId("company_1001")
LONG_S = 2 * lease.LEASE_S


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks, and not the times that are looked at: these pass when a test lets them."""
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.05)
    monkeypatch.setattr(lease, "RETRY_S", 0.05)
    monkeypatch.setattr(hearts, "LOOK_EVERY_S", 0.05)


@pytest.fixture
def clock() -> Clock:
    """By which hearts are silent."""
    return Clock()


@pytest.fixture
async def town(redis_url: str, database_url: str) -> AsyncIterator[OwnersTown]:
    async with owners_town(redis_url, database_url) as town:
        yield town


async def ids(town: OwnersTown) -> set[str]:
    return {process.process_id for process in (await town.registry.look_around()).processes}


async def only(town: OwnersTown, *names: str) -> bool:
    return await ids(town) == set(names)


async def not_renewed(town: OwnersTown, name: str) -> None:
    """For long; it may do so again."""
    await town.run(
        "UPDATE whatsapp_processes SET renewed_at = clock_timestamp() - make_interval(secs => %s)"
        " WHERE process_id = %s",
        LONG_S,
        name,
    )


async def is_renewed(town: OwnersTown, name: str) -> bool:
    processes = (await town.registry.look_around()).processes
    return any(it.silent_s < lease.LEASE_S for it in processes if it.process_id == name)


async def looked_after_long(clock: Clock, other: Resident) -> None:
    """At the hearts: what they have been silent for counts from its next look on."""
    clock.now_s += LONG_S
    await wait_until(lambda: other.hearts._looked_at == clock.now_s)


async def heard_again(clock: Clock, other: Resident, name: str) -> None:
    """Its heart, after a long time."""
    await looked_after_long(clock, other)
    await wait_until(lambda: other.hearts.silent_s(name) < lease.LEASE_S)


async def test_those_who_live_see_each_other_and_stay(town: OwnersTown, clock: Clock) -> None:
    one = await town.resident("one", clock_s=clock)
    other = await town.resident("other", clock_s=clock)

    seen = await one.sees()

    assert [heir.process_id for heir in seen.heirs] == ["other"]
    assert seen.known == {"one", "other"}
    for _ in range(2):
        await heard_again(clock, other, "one")
        await not_renewed(town, "one")
        await wait_until(lambda: is_renewed(town, "one"))
        await other.sees()
    assert await only(town, "one", "other")
    assert not one.ended.is_set()


async def test_one_that_stands_still_is_found_dead_and_fenced_when_it_goes_on(
    town: OwnersTown, clock: Clock
) -> None:
    stopped = await town.resident("stopped", clock_s=clock)
    other = await town.resident("other", clock_s=clock)
    tenure = await town.registry.place(SALON, "stopped", [], 15)
    assert tenure is not None
    await stopped.go()
    await town.redis.delete("whatsapp:process:stopped")
    await town.redis.sadd("whatsapp:processes", "stopped")
    await not_renewed(town, "stopped")

    await in_the_end(clock, lambda: only(town, "other"))

    await wait_until(other.lease.buried.is_set)
    assert not await town.redis.sismember("whatsapp:processes", "stopped")
    await stopped.lease._renew()
    assert stopped.ended.is_set()


async def in_the_end(clock: Clock, predicate: Callable[[], Awaitable[bool]]) -> None:
    """Time passes until it is so."""

    async def later() -> bool:
        clock.now_s += LONG_S
        return await predicate()

    await wait_until(later)


async def test_a_beating_heart_keeps_a_lease_that_is_not_renewed(
    town: OwnersTown, clock: Clock
) -> None:
    """Postgres is out of its reach, or was away for everybody: Redis says that it lives."""
    other = await town.resident("other", clock_s=clock)
    cut_off = await town.resident("cut off", clock_s=clock)

    await cut_off.stand_still()

    await heard_again(clock, other, "cut off")
    await not_renewed(town, "cut off")
    await other.sees()
    assert await only(town, "cut off", "other")


async def test_a_renewed_lease_keeps_a_process_whose_heart_is_silent(
    town: OwnersTown, clock: Clock
) -> None:
    other = await town.resident("other", clock_s=clock)
    mute = await town.resident("mute", clock_s=clock)
    await wait_until(lambda: other.hearts.known)
    await mute.fall_mute()
    await town.redis.sadd("whatsapp:processes", "mute")
    await other.sees()

    await looked_after_long(clock, other)

    assert "mute" in (await other.sees()).suspects
    assert await only(town, "mute", "other")


async def test_while_redis_is_away_nobody_is_found_dead(
    town: OwnersTown, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await town.resident("other", clock_s=clock)
    await town.registry.register("gone", "another machine", 1, 1)

    async def away() -> None:
        other.hearts._known_since = None

    with monkeypatch.context() as patched:
        patched.setattr(other.hearts, "look", away)
        await wait_until(lambda: not other.hearts.known)
        await not_renewed(town, "gone")
        clock.now_s += LONG_S
        await other.sees()
        assert await only(town, "gone", "other")

    await in_the_end(clock, lambda: only(town, "other"))


async def test_beside_it_a_pid_that_is_gone_is_proof_enough(
    town: OwnersTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a pid that has been given anew. What lives on this machine is not touched."""
    monkeypatch.setattr(lease, "LEASE_S", 1000)
    me = os.getpid()
    await town.registry.register("same pid, later", "here", me, born(me) - 1)
    await town.registry.register("gone", "here", 2**22 + 1, 5)
    await town.registry.register("alive", "here", me, born(me))
    await town.registry.register("elsewhere", "there", 2**22 + 1, 5)

    await town.resident("judge", machine="here")

    await wait_until(lambda: only(town, "judge", "alive", "elsewhere"))


async def test_a_pid_that_is_there_is_not_gone_and_one_that_ended_is() -> None:
    """Also when nobody has asked how it ended, and when its pid was given anew."""
    child = await asyncio.create_subprocess_exec("sleep", "60")
    birth = born(child.pid)
    assert not gone(child.pid, birth)
    assert gone(child.pid, birth + 1)
    os.kill(child.pid, signal.SIGKILL)
    await wait_until(lambda: gone(child.pid, birth))
    await child.wait()
    assert gone(child.pid, birth)


def test_a_proc_that_hides_others_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_stat", lambda _pid: ("", machine.UNKNOWN))

    assert not gone(os.getpid(), 1)
    assert gone(2**22 + 1, 1)


async def test_a_name_without_a_lease_is_struck_off_when_its_heart_is_silent(
    town: OwnersTown, clock: Clock
) -> None:
    """It gave its lease up, or was fenced, and was killed before it took its name away."""
    await town.redis.sadd("whatsapp:processes", "ghost")
    await town.resident("other", clock_s=clock)

    await in_the_end(clock, lambda: is_struck_off(town, "ghost"))

    assert await town.redis.sismember("whatsapp:processes", "other")


async def is_struck_off(town: OwnersTown, name: str) -> bool:
    return not await town.redis.sismember("whatsapp:processes", name)


async def test_a_lease_is_had_also_when_the_answer_to_the_first_time_was_lost(
    town: OwnersTown,
) -> None:
    for _ in range(2):
        await town.registry.register("one", "somewhere", 1, 1)
    assert await only(town, "one")


async def test_one_that_alone_cannot_reach_postgres_steps_down(
    town: OwnersTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its peers can, and say so with their hearts. Were it away for all, everybody would stay."""
    monkeypatch.setattr(lease, "STEP_DOWN_S", 0.2)
    cut_off = await town.resident("cut off")
    await cut_off.stand_still()
    await wait_until(lambda: silent(cut_off) > 0.2)

    cut_off.lease._step_down_if_alone()
    assert not cut_off.ended.is_set()

    await town.redis.sadd("whatsapp:processes", "peer")
    await town.redis.set("whatsapp:process:peer", "30", px=60_000)
    await cut_off.hearts.look()
    cut_off.lease._step_down_if_alone()
    assert cut_off.ended.is_set()


def silent(resident: Resident) -> float:
    return elapsed_s() - resident.lease._renewed_at
