"""Who is alive: leases in a real Postgres, hearts in a real Redis, verdicts of one on another."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from shared.company_id import SessionId
from tests.support.owners_town import OwnersTown, Resident, owners_town
from tests.support.waiting import wait_until
from whatsapp_service.owners import hearts, lease, machine
from whatsapp_service.owners.guard import elapsed_s
from whatsapp_service.owners.machine import born, gone

SALON = SessionId("company_1001")
SHORT_S = 0.6


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The times of production, in proportion; a heart is forgotten after 4 s all the same."""
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.05)
    monkeypatch.setattr(lease, "RETRY_S", 0.05)
    monkeypatch.setattr(lease, "LEASE_S", SHORT_S)
    monkeypatch.setattr(hearts, "LOOK_EVERY_S", 0.05)


@pytest.fixture
async def town(redis_url: str, database_url: str) -> AsyncIterator[OwnersTown]:
    async with owners_town(redis_url, database_url) as town:
        yield town


async def ids(town: OwnersTown) -> set[str]:
    return {process.process_id for process in (await town.registry.look_around()).processes}


async def only(town: OwnersTown, *names: str) -> bool:
    return await ids(town) == set(names)


async def test_those_who_live_see_each_other_and_stay(town: OwnersTown) -> None:
    one, other = await town.resident("one"), await town.resident("other")

    seen = await one.sees()

    assert [heir.process_id for heir in seen.heirs] == ["other"]
    assert seen.known == {"one", "other"}
    for _ in range(int(2 * SHORT_S / 0.05)):
        await other.sees()
    assert await only(town, "one", "other")
    assert not one.ended.is_set()


async def test_one_that_stands_still_is_found_dead_and_fenced_when_it_goes_on(
    town: OwnersTown,
) -> None:
    stopped, other = await town.resident("stopped"), await town.resident("other")
    tenure = await town.registry.place(SALON, "stopped", [], 15)
    assert tenure is not None
    await stopped.go()
    await town.redis.delete("whatsapp:process:stopped")
    await town.redis.sadd("whatsapp:processes", "stopped")

    await wait_until(lambda: only(town, "other"))

    await wait_until(other.lease.buried.is_set)
    assert not await town.redis.sismember("whatsapp:processes", "stopped")
    await stopped.lease._renew()
    assert stopped.ended.is_set()


async def test_a_beating_heart_keeps_a_lease_that_is_not_renewed(town: OwnersTown) -> None:
    """Postgres is out of its reach, or was away for everybody: Redis says that it lives."""
    await town.resident("other")
    cut_off = await town.resident("cut off")

    await cut_off.stand_still()

    await not_renewed(town, "cut off", 3 * SHORT_S)
    assert await only(town, "cut off", "other")


async def test_a_renewed_lease_keeps_a_process_whose_heart_is_silent(town: OwnersTown) -> None:
    other, mute = await town.resident("other"), await town.resident("mute")
    await mute.fall_mute()
    await town.redis.sadd("whatsapp:processes", "mute")

    await wait_until(lambda: other.hearts.silent_s("mute") > 3 * SHORT_S)

    assert await only(town, "mute", "other")
    seen = await other.sees()
    assert "mute" in seen.suspects or other.hearts.silent_s("mute") < hearts.SUSPECT_S


async def test_while_redis_is_away_nobody_is_found_dead(
    town: OwnersTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await town.resident("other")
    await town.registry.register("gone", "another machine", 1, 1)

    async def away() -> None:
        other.hearts._known_since = None

    monkeypatch.setattr(other.hearts, "look", away)
    await not_renewed(town, "gone", 3 * SHORT_S)
    assert await only(town, "gone", "other")

    monkeypatch.undo()
    monkeypatch.setattr(lease, "LEASE_S", SHORT_S)

    await wait_until(lambda: only(town, "other"))


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
    town: OwnersTown,
) -> None:
    """It gave its lease up, or was fenced, and was killed before it took its name away."""
    await town.redis.sadd("whatsapp:processes", "ghost")
    await town.resident("other")

    await wait_until(lambda: is_struck_off(town, "ghost"))

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


async def not_renewed(town: OwnersTown, name: str, silent_s: float) -> None:
    async def is_silent() -> bool:
        processes = (await town.registry.look_around()).processes
        return any(it.silent_s > silent_s for it in processes if it.process_id == name)

    await wait_until(is_silent)
