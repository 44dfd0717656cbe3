"""The limit of requests, and which quirk strikes which call."""

import pytest

from sandbox.yclients.operations import CALLS, Operation
from sandbox.yclients.portal.texts import KINDS, OPERATIONS
from sandbox.yclients.quirks import Quirk, QuirkKind, Quirks
from sandbox.yclients.rate import RateLimit
from tests.support.clock import Clock


@pytest.fixture
def limit(clock: Clock) -> RateLimit:
    return RateLimit(clock)


def test_five_in_a_second_are_let_in(limit: RateLimit, clock: Clock) -> None:
    assert [limit.admit("a") for _ in range(6)] == [True] * 5 + [False]
    assert limit.admit("b")
    clock.now_s += 0.999
    assert not limit.admit("a")
    clock.now_s += 1.001
    assert limit.admit("a")
    assert (limit.calls, limit.refused, limit.most_in_a_second) == (9, 2, 7)


def test_two_hundred_in_a_minute_are_let_in(limit: RateLimit, clock: Clock) -> None:
    admitted = []
    for _ in range(201):
        admitted.append(limit.admit("a"))
        clock.now_s += 0.25
    assert admitted == [True] * 200 + [False]
    clock.now_s += 60
    assert limit.admit("a")
    assert limit.most_in_a_minute == 201


def test_switched_off_it_only_counts(limit: RateLimit) -> None:
    limit.enforced = False
    assert all(limit.admit("a") for _ in range(300))
    assert (limit.most_in_a_second, limit.most_in_a_minute, limit.refused) == (300, 300, 0)
    limit.reset()
    assert (limit.calls, limit.most_in_a_minute) == (0, 0)


def test_a_quirk_strikes_its_salon_and_call_as_often_as_it_should() -> None:
    quirks = Quirks()
    quirks.add(Quirk(kind=QuirkKind.HTML, operation=Operation.CONNECTION, salon_id=1001, times=2))
    assert quirks.strike(Operation.CONNECTION, 1002) is None
    assert quirks.strike(Operation.ACTIVATE, 1001) is None
    assert [quirks.strike(Operation.CONNECTION, 1001) is not None for _ in range(3)] == [
        True,
        True,
        False,
    ]
    assert quirks.all() == []


def test_the_oldest_quirk_strikes_first_and_an_endless_one_stays() -> None:
    quirks = Quirks()
    endless = quirks.add(Quirk(kind=QuirkKind.UNAVAILABLE, times=None))
    quirks.add(Quirk(kind=QuirkKind.HTML))
    struck = [quirks.strike(Operation.TARIFFS, None) for _ in range(3)]
    assert [each.kind for each in struck if each] == [QuirkKind.UNAVAILABLE] * 3
    assert quirks.remove(endless.id)
    assert not quirks.remove(endless.id)
    last = quirks.strike(Operation.TARIFFS, None)
    assert last is not None
    assert last.kind is QuirkKind.HTML


def test_every_call_has_a_path_and_words() -> None:
    assert {call.operation for call in CALLS} == set(Operation) == set(OPERATIONS)
    assert set(KINDS) == set(QuirkKind)
