"""A claim's hold, as the process that has it knows it."""

import asyncio

from api_service.core.claims import Hold
from tests.support.waiting import wait_until


async def _kept() -> bool:
    return True


async def _lost() -> bool:
    return False


async def test_a_hold_ends_unless_it_is_renewed() -> None:
    hold = Hold(1.0)
    renew_in_vain, renew = hold.renewing(_lost), hold.renewing(_kept)

    await wait_until(lambda: not hold.lasts())

    assert not await renew_in_vain()
    assert not hold.lasts()
    assert await renew()
    assert hold.lasts()


async def test_it_lasts_from_the_moment_before_it_was_asked_for() -> None:
    hold, clock = Hold(0.2), asyncio.get_running_loop().time

    async def slow() -> bool:
        begun = clock()
        await wait_until(lambda: clock() > begun + 0.2)
        return True

    assert await hold.renewing(slow)()
    assert not hold.lasts()
