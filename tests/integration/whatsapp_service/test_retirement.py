"""Who may retire, on a real database: one at a time, and never without an heir."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest

from shared.company_id import SessionId
from tests.support.owners_town import OwnersTown, owners_town
from tests.support.scripted_lines import ScriptedGateway
from tests.support.waiting import PATIENCE_S, wait_until
from whatsapp_service.owners import lease
from whatsapp_service.owners.lease import LEASE_S
from whatsapp_service.sessions.retirement import WITHOUT_HEIR, Retirement
from whatsapp_service.store.directory import StoreUnavailableError
from whatsapp_service.store.registry import Registry

SALON: Final = SessionId("company_1001")
LIMIT: Final = 10


class LosingAnswers(Registry):
    """Postgres is lost between doing it and saying so."""

    asked = 0

    async def retire(self, process_id: str, lease_s: float) -> bool:
        self.asked += 1
        await super().retire(process_id, lease_s)
        raise StoreUnavailableError


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.05)


@pytest.fixture
async def town(redis_url: str, database_url: str) -> AsyncIterator[OwnersTown]:
    async with owners_town(redis_url, database_url) as town:
        yield town


async def granted(town: OwnersTown, name: str) -> bool:
    return await town.registry.retire(name, LEASE_S)


async def draining(town: OwnersTown) -> set[str]:
    return {it.process_id for it in (await town.registry.look_around()).processes if it.draining}


async def test_of_two_that_ask_at_once_one_is_granted_it(town: OwnersTown) -> None:
    for name in ("one", "other"):
        await town.registry.register(name, "machine", 1, 1)
    for _ in range(20):
        answers = await asyncio.gather(granted(town, "one"), granted(town, "other"))
        assert sorted(answers) == [False, True]
        assert len(await draining(town)) == 1
        await town.run("UPDATE whatsapp_processes SET draining = false")


async def test_a_third_waits_until_the_first_has_handed_its_salons_over(town: OwnersTown) -> None:
    for name in ("one", "other", "third"):
        await town.registry.register(name, "machine", 1, 1)
    tenure = await town.registry.take(SALON, "one")
    assert tenure is not None

    assert await granted(town, "one")
    assert not await granted(town, "other")
    assert await town.registry.hand_over(tenure, "third")
    assert await granted(town, "other")
    assert await draining(town) == {"one", "other"}


async def test_one_whose_lease_is_old_is_no_heir(town: OwnersTown) -> None:
    for name in ("one", "other"):
        await town.registry.register(name, "machine", 1, 1)
    await town.run(
        "UPDATE whatsapp_processes SET renewed_at = now() - interval '1 minute'"
        " WHERE process_id = 'other'"
    )
    assert not await granted(town, "one")
    assert not await granted(town, "nobody")


async def test_two_that_have_left_much_behind_go_one_after_the_other(town: OwnersTown) -> None:
    """The second must wait for the first one's next life."""
    residents = [await town.resident(name) for name in ("one", "other")]
    retirements = {
        it.name: Retirement(it.lease, town.registry, left(LIMIT), LIMIT) for it in residents
    }
    running = [asyncio.create_task(it.run()) for it in retirements.values()]
    try:
        await wait_until(lambda: any(it.due.is_set() for it in retirements.values()))
        first, second = sorted(residents, key=lambda it: not retirements[it.name].due.is_set())
        for _ in range(3):
            await second.sees()
        assert not retirements[second.name].due.is_set()

        await first.lease.leave()
        await town.resident("next life")
        await wait_until(retirements[second.name].due.is_set)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_an_answer_that_is_lost_leaves_nobody_empty_and_running(town: OwnersTown) -> None:
    one = await town.resident("one")
    await town.resident("other")
    registry = LosingAnswers(town.database, town.database)
    retirement = Retirement(one.lease, registry, left(LIMIT), LIMIT)
    await asyncio.wait_for(retirement.run(), PATIENCE_S)
    assert registry.asked == 1


async def test_one_that_is_alone_goes_when_it_must(town: OwnersTown) -> None:
    alone = await town.resident("alone")
    gateway = left(LIMIT)
    retirement = Retirement(alone.lease, town.registry, gateway, LIMIT)
    running = asyncio.create_task(retirement.run())
    for _ in range(3):
        await alone.sees()
    assert not retirement.due.is_set()

    gateway.left_behind = WITHOUT_HEIR * LIMIT
    await asyncio.wait_for(running, PATIENCE_S)
    assert retirement.due.is_set()


def left(number: int) -> ScriptedGateway:
    gateway = ScriptedGateway()
    gateway.left_behind = number
    return gateway
