"""How often a session may try."""

import pytest

from tests.support.clock import Clock
from whatsapp_service.sessions.breaker import FAILURES, GROWTH, JITTER, WINDOW_S, Breaker, Patience

PATIENCE = Patience(first_s=2, slow_s=300)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(PATIENCE, clock)


def about(delay_s: float, wanted_s: float) -> bool:
    return wanted_s * JITTER[0] <= delay_s <= wanted_s * JITTER[1]


def test_waits_grow_until_five_failures_open_it(breaker: Breaker) -> None:
    for growth in GROWTH:
        assert about(breaker.failed(), PATIENCE.first_s * growth)
        assert not breaker.is_open

    assert about(breaker.failed(), PATIENCE.slow_s)
    assert breaker.is_open


def test_open_it_stays_slow_until_one_try_succeeds(breaker: Breaker, clock: Clock) -> None:
    for _ in range(FAILURES):
        breaker.failed()
    clock.now_s += 10 * WINDOW_S
    assert about(breaker.failed(), PATIENCE.slow_s)

    breaker.succeeded()

    assert not breaker.is_open
    assert about(breaker.failed(), PATIENCE.first_s)


def test_failures_that_are_far_apart_never_open_it(breaker: Breaker, clock: Clock) -> None:
    for _ in range(20):
        assert about(breaker.failed(), PATIENCE.first_s)
        clock.now_s += WINDOW_S + 1

    assert not breaker.is_open


def test_waits_differ_so_that_salons_do_not_come_in_step(clock: Clock) -> None:
    waits = {Breaker(PATIENCE, clock).failed() for _ in range(10)}

    assert len(waits) > 5
