"""A claim's hold, as the process that has it knows it."""

import pytest

from api_service.core import claims
from api_service.core.claims import Hold
from tests.support.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(claims, "_now", clock)
    return clock


async def _kept() -> bool:
    return True


async def _lost() -> bool:
    return False


async def test_a_hold_ends_unless_it_is_renewed(clock: Clock) -> None:
    hold = Hold(60)
    renew_in_vain, renew = hold.renewing(_lost), hold.renewing(_kept)
    clock.now_s += 59
    assert hold.lasts()
    clock.now_s += 1
    assert not hold.lasts()

    assert not await renew_in_vain()
    assert not hold.lasts()
    assert await renew()
    assert hold.lasts()


async def test_it_lasts_from_the_moment_before_it_was_asked_for(clock: Clock) -> None:
    hold = Hold(60)

    async def slow() -> bool:
        clock.now_s += 60
        return True

    assert await hold.renewing(slow)()
    assert not hold.lasts()
