"""What is known of Redis' clock from answers that were long on their way."""

import pytest

from api_service.store.redis_clock import RedisClock

AHEAD = 1_000_000.0
"""By so much Redis' clock is ahead of the loop's."""


def width(clock: RedisClock, now: float) -> float:
    first, last = clock.span(AHEAD + 50, now)
    assert first <= 50 <= last
    return last - first


def test_an_answer_tells_as_much_as_it_was_quick() -> None:
    clock = RedisClock()

    clock.read(AHEAD + 10.1, asked=10.0, heard=10.5)

    assert width(clock, 10.5) == pytest.approx(0.5)


def test_the_quickest_answer_counts() -> None:
    clock = RedisClock()

    clock.read(AHEAD + 10.1, asked=10.0, heard=10.5)
    clock.read(AHEAD + 11.001, asked=11.0, heard=11.002)
    clock.read(AHEAD + 12.5, asked=12.0, heard=12.6)

    assert width(clock, 12.6) < 0.006


def test_knowledge_grows_old() -> None:
    clock = RedisClock()

    clock.read(AHEAD + 10.001, asked=10.0, heard=10.002)
    young = width(clock, 10.1)
    old = width(clock, 60.0)
    clock.read(AHEAD + 60.01, asked=60.0, heard=60.02)

    assert young < 0.003
    assert old == pytest.approx(0.1, abs=0.01)
    assert width(clock, 60.02) == pytest.approx(0.02, abs=0.001)


@pytest.mark.parametrize("jump", [-3600.0, 5.0])
def test_a_clock_that_was_set_anew_is_believed(jump: float) -> None:
    clock = RedisClock()
    clock.read(AHEAD + 10.001, asked=10.0, heard=10.002)

    clock.read(AHEAD + jump + 11.1, asked=11.0, heard=11.2)

    first, last = clock.span(AHEAD + jump + 50, 11.2)
    assert first <= 50 <= last
