"""Which WhatsApp processes an API process takes for dead, its clock in the test's hand."""

from dataclasses import dataclass
from typing import cast

import pytest

from api_service.core.owners import RESTART_S, SILENCE_S, Owners
from shared.bus.heartbeat import Heartbeats
from shared.errors import AppError, ErrorCode
from tests.support.clock import Clock

ONE, OTHER = "host-1-aaaaaa", "host-2-bbbbbb"


@dataclass
class ScriptedHeartbeats:
    """``living`` is None while Redis is away."""

    def __init__(self) -> None:
        self.living_now: frozenset[str] | None = frozenset()

    async def living(self) -> frozenset[str]:
        if self.living_now is None:
            raise ConnectionRefusedError
        return self.living_now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hearts() -> ScriptedHeartbeats:
    return ScriptedHeartbeats()


@pytest.fixture
def owners(clock: Clock, hearts: ScriptedHeartbeats) -> Owners:
    return Owners(cast("Heartbeats", hearts), clock_s=clock)


def test_nobody_is_lost_before_the_first_look(owners: Owners) -> None:
    assert not owners.lost(ONE)
    assert not owners.none_lives


def test_a_silent_process_is_lost_after_a_while_and_not_before(
    owners: Owners, clock: Clock
) -> None:
    owners.note(frozenset({ONE, OTHER}))
    clock.now_s += 100
    owners.note(frozenset({ONE, OTHER}))
    owners.note(frozenset({OTHER}))
    assert not owners.lost(ONE)

    clock.now_s += SILENCE_S

    assert owners.lost(ONE)
    assert not owners.lost(OTHER)
    assert not owners.none_lives
    owners.note(frozenset({ONE, OTHER}))
    assert not owners.lost(ONE)


def test_one_that_was_never_seen_is_lost_once_it_had_time_to_be_seen(
    owners: Owners, clock: Clock
) -> None:
    owners.note(frozenset({OTHER}))
    assert not owners.lost(ONE)
    clock.now_s += SILENCE_S
    assert owners.lost(ONE)


def test_a_writer_without_an_id_cannot_be_lost(owners: Owners, clock: Clock) -> None:
    owners.note(frozenset())
    clock.now_s += 100
    assert not owners.lost("")


async def test_while_redis_is_away_nobody_is_lost_and_afterwards_hearts_have_time(
    owners: Owners, clock: Clock, hearts: ScriptedHeartbeats
) -> None:
    owners.note(frozenset())
    clock.now_s += 100
    assert owners.lost(ONE)
    hearts.living_now = None

    await owners.wait_for_one(0)

    assert not owners.lost(ONE)
    assert not owners.none_lives

    owners.note(frozenset())
    assert not owners.lost(ONE)
    clock.now_s += SILENCE_S
    assert owners.lost(ONE)


async def test_a_request_looks_itself_before_it_waits(
    owners: Owners, hearts: ScriptedHeartbeats
) -> None:
    owners.note(frozenset())
    hearts.living_now = frozenset({ONE})
    assert await owners.wait_for_one(0.01) == 0


async def test_where_none_can_be_expected_a_request_is_refused_at_once(
    owners: Owners, clock: Clock
) -> None:
    owners.note(frozenset({ONE}))
    owners.note(frozenset())
    clock.now_s += RESTART_S
    with pytest.raises(AppError) as refused:
        await owners.wait_for_one(60)
    assert refused.value.code is ErrorCode.SERVICE_UNAVAILABLE
    assert refused.value.context["retry_after"]
