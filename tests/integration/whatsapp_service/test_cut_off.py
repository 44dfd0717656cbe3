"""Who is cut off from Redis, as processes see it in each other's leases."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import pytest

from shared.bus import heartbeat
from shared.bus.connection import connect_redis
from tests.support.clock import Clock
from tests.support.owners_town import OwnersTown, Resident, owners_town
from tests.support.waiting import wait_until
from tests.support.wire import Wire, wire_to
from whatsapp_service.owners import hearts, lease
from whatsapp_service.owners.reach import LOST_S, STEADY_S

STEP_S = LOST_S / 2


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks, and not the times that are looked at: these pass when a test lets them."""
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.05)
    monkeypatch.setattr(lease, "RETRY_S", 0.05)
    monkeypatch.setattr(hearts, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(heartbeat, "BEAT_EVERY_S", 0.05)
    monkeypatch.setattr(heartbeat, "RETRY_S", 0.05)
    monkeypatch.setattr(hearts, "SUSPECT_S", 120.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def town(redis_url: str, database_url: str) -> AsyncIterator[OwnersTown]:
    async with owners_town(redis_url, database_url) as town:
        yield town


async def time_passes(clock: Clock, seconds: float, *reaching: Resident) -> None:
    """``reaching``: their hearts beat meanwhile, however slow this machine is."""
    until = clock.now_s + seconds
    while clock.now_s < until:
        clock.now_s = min(until, clock.now_s + STEP_S)
        await wait_until(lambda: all(it.beaten_at_s >= clock.now_s for it in reaching))


@asynccontextmanager
async def by_wire(
    town: OwnersTown, redis_url: str, clock: Clock, *names: str
) -> AsyncIterator[list[tuple[Resident, Wire]]]:
    """Each has a wire to Redis of its own; all are known to be steady."""
    async with AsyncExitStack() as stack:
        residents = []
        for name in names:
            port = urlsplit(redis_url).port
            assert port is not None
            wire = await stack.enter_async_context(wire_to(port))
            redis = connect_redis(redis_url.replace(f":{port}", f":{wire.port}"))
            stack.push_async_callback(redis.aclose)
            resident = await town.resident(name, redis=redis, clock_s=clock)
            stack.push_async_callback(resident.go)
            residents.append((resident, wire))
        await time_passes(clock, STEADY_S, *(resident for resident, _ in residents))
        await wait_until(lambda: all_tell(town, True, *names))
        yield residents


async def all_tell(town: OwnersTown, told: bool | None, *names: str) -> bool:
    processes = (await town.registry.look_around()).processes
    return {it.process_id for it in processes if it.reaches_redis is told} >= set(names)


async def heirs(resident: Resident) -> set[str]:
    return {it.process_id for it in (await resident.sees()).heirs}


async def test_one_that_is_cut_off_knows_it_and_is_nobody_s_heir_until_it_is_steady_again(
    town: OwnersTown, redis_url: str, clock: Clock
) -> None:
    async with by_wire(town, redis_url, clock, "one", "other") as [(one, wire), (other, _)]:
        assert await heirs(other) == {"one"}

        await wire.cut()
        await time_passes(clock, 4 * LOST_S, other)

        async def long_cut_off() -> bool:
            return (await one.sees()).cut_off_s > 3 * LOST_S

        await wait_until(long_cut_off)
        await wait_until(lambda: all_tell(town, False, "one"))
        assert await heirs(one) == {"other"}
        seen = await other.sees()
        assert (len(seen.heirs), seen.cut_off_s) == (0, 0.0)
        assert seen.known == {"one", "other"}
        await wire.mend()

        async def back() -> bool:
            return (await one.sees()).cut_off_s == 0.0

        await wait_until(back)
        assert await all_tell(town, False, "one")
        await time_passes(clock, STEADY_S, one, other)
        await wait_until(lambda: all_tell(town, True, "one"))
        assert await heirs(other) == {"one"}


async def test_when_redis_is_away_for_everybody_nobody_is_cut_off(
    town: OwnersTown, redis_url: str, clock: Clock
) -> None:
    """And one heir is as good as another, also for those who end meanwhile."""
    async with by_wire(town, redis_url, clock, "one", "other") as wired:
        for _, wire in wired:
            wire.fall_silent()
        one, other = (resident for resident, _ in wired)
        await time_passes(clock, 2 * LOST_S)
        await wait_until(lambda: all_tell(town, False, "one", "other"))
        for _ in range(3):
            await time_passes(clock, LOST_S)
            assert {(await it.sees()).cut_off_s for it in (one, other)} == {0.0}
        assert (await heirs(one), await heirs(other)) == ({"other"}, {"one"})


async def test_one_that_is_alone_or_beside_a_draining_one_keeps_its_salons(
    town: OwnersTown, redis_url: str, clock: Clock
) -> None:
    async with by_wire(town, redis_url, clock, "one", "draining") as [(one, wire), (draining, _)]:
        await town.registry.set_draining("draining")
        await wire.cut()
        await time_passes(clock, 2 * LOST_S, draining)
        await wait_until(lambda: all_tell(town, False, "one"))
        for _ in range(2):
            await time_passes(clock, LOST_S, draining)
            assert (await one.sees()).cut_off_s == 0.0


async def test_who_reaches_redis_no_more_is_no_reason_to_retire(
    town: OwnersTown, redis_url: str, clock: Clock
) -> None:
    async with by_wire(town, redis_url, clock, "one", "other") as [(one, _), (_, wire)]:
        assert await town.registry.retire("one", lease.LEASE_S)
        await town.run("UPDATE whatsapp_processes SET draining = false")
        await wire.cut()
        await time_passes(clock, 2 * LOST_S, one)
        await wait_until(lambda: all_tell(town, False, "other"))
        assert not await town.registry.retire("one", lease.LEASE_S)
