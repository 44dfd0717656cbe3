"""Several WhatsApp processes share the salons, and each salon has one owner whatever happens."""

from collections import Counter
from typing import Final

import pytest

from tests.support.fleet import NAMES, Fleet
from tests.support.fleet_fixtures import fleet, fleet_ground
from tests.support.fleet_recorder import recording
from tests.support.fleet_scenarios import (
    Outcome,
    deploy,
    held_by,
    kill,
    retire,
    stand_still,
    without_postgres,
    without_redis,
)
from tests.support.holdings import gauges
from whatsapp_service.owners.guard import EXIT_START_AGAIN
from whatsapp_service.owners.lease import LEASE_S

__all__ = ["fleet", "fleet_ground"]

pytestmark = pytest.mark.timeout(300)

START_S: Final = 60.0
FAIL_OVER_S: Final = 120.0
"""Who does not hear Redis for a moment begins to count another's silence anew."""
AWAY_S: Final = 3.0
SETTLE_S: Final = 60.0
DEPLOY_AWAY_S: Final = LEASE_S - 1
"""Less than a lease: it was handed over, not found ownerless. `make bench` has the figure."""


async def test_the_salons_are_shared_and_a_killed_process_s_go_to_the_others(fleet: Fleet) -> None:
    async with recording(fleet) as recorder:
        await _start(fleet)
        assert await recorder.replaced() == {}
    shares = Counter(names[0] for names in (await fleet.holders()).values())
    assert set(shares) == set(NAMES)
    outcome = await kill(fleet, "a", FAIL_OVER_S)
    assert outcome.moved == shares["a"]
    assert outcome.lost == outcome.moved
    _assert_one_owner_each(outcome)


async def test_one_that_stood_still_finds_itself_fenced_and_does_no_harm(fleet: Fleet) -> None:
    """Its pid is there: only silence, longer than the lease, proves that it holds nothing."""
    await _start(fleet)
    held = await held_by(fleet, "c")
    outcome = await stand_still(fleet, "c", pause_s=0, timeout_s=FAIL_OVER_S)
    assert outcome.moved == len(held)
    assert set(outcome.replaced) <= held
    assert max(outcome.replaced.values(), default=0) <= 1
    assert outcome.stale == []


async def test_postgres_or_redis_away_for_a_moment_ends_no_connection(fleet: Fleet) -> None:
    await _start(fleet)
    for outage in (without_postgres, without_redis):
        outcome = await outage(fleet, AWAY_S, SETTLE_S)
        assert outcome.lost == 0
        assert outcome.longest_away_s == 0
        _assert_one_owner_each(outcome)


async def test_a_rolling_deploy_leaves_each_salon_with_one_owner_throughout(fleet: Fleet) -> None:
    await _start(fleet)
    outcome = await deploy(fleet, NAMES, SETTLE_S)
    assert outcome.ownerless == 0
    assert outcome.moved >= len(fleet.session_ids)
    assert outcome.longest_away_s <= DEPLOY_AWAY_S
    _assert_one_owner_each(outcome)


async def test_one_that_has_left_much_behind_hands_over_and_begins_anew(fleet: Fleet) -> None:
    fleet.member("a").environment["RETIRE_AFTER_CLIENTS"] = "5"
    await fleet.start_evenly("a", "b", timeout_s=START_S)
    outcome = await retire(fleet, "a", SETTLE_S)
    assert outcome.moved > 0
    assert outcome.ownerless == 0
    assert outcome.longest_away_s <= DEPLOY_AWAY_S
    _assert_one_owner_each(outcome)
    retiring, beside = fleet.members["a"], fleet.members["b"]
    assert [life.returncode for life in retiring.lives] == [EXIT_START_AGAIN, None]
    (told,) = [it for it in retiring.lives[0].log_events() if it["event"] == "process_retires"]
    assert told["left_behind"] >= told["limit"]
    assert (await gauges(retiring.url))["clients_left_behind"] == 0
    assert len(beside.lives) == 1


async def _start(fleet: Fleet) -> None:
    await fleet.start_evenly(*NAMES, timeout_s=START_S)


def _assert_one_owner_each(outcome: Outcome) -> None:
    assert outcome.replaced == {}
    assert outcome.stale == []
