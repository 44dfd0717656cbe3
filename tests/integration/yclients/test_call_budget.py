"""The budget of calls in a real Redis: how many turns, in which order, and who stands back."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api_service.store.call_budget import (
    LATEST_S,
    LONG_SECOND_MS,
    SECOND_MS,
    BudgetPolicy,
    CallBudget,
)
from shared.bus import keys
from shared.bus.connection import connect_redis
from tests.support.waiting import PATIENCE_S, wait_until


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect_redis(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def budget(redis: Redis) -> CallBudget:
    return CallBudget(redis, BudgetPolicy())


def now() -> float:
    return asyncio.get_running_loop().time()


async def taken(budget: CallBudget, patience_s: float, *, background: bool = False) -> float | None:
    """When the turn came, on the loop's clock; None when there was none."""
    good_until = await budget.turn(now() + patience_s, background=background)
    return None if good_until is None else now()


async def turns_in(redis: Redis, key: str = keys.YCLIENTS_TURNS) -> list[int]:
    """On Redis' clock, in ms, in order."""
    return sorted(int(turn) for turn in await redis.lrange(key, 0, -1))


async def redis_ms(redis: Redis) -> int:
    seconds, microseconds = await redis.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


async def all_taken(redis: Redis, ahead_s: float) -> None:
    """Whoever asks now must wait for longer than that, however slow this machine is."""
    moment = await redis_ms(redis) + round(ahead_s * 1000)
    await redis.lpush(keys.YCLIENTS_TURNS, *itertools.repeat(moment, BudgetPolicy().per_second))


async def given(budget: CallBudget, *, background: bool = False) -> int:
    """The turn for which the caller would now wait: where it is late, it would take another one."""
    return (await budget._ask(now() + 60, background=background)).turn_ms


def pairwise_apart(turns: list[int], apart: int) -> list[tuple[int, int]]:
    return list(zip(turns, turns[apart:], strict=False))


async def asked_for(redis: Redis, turns: int) -> None:
    """Returns when so many have been given, also those that are still to come."""

    async def so_many() -> bool:
        return await redis.llen(keys.YCLIENTS_TURNS) == turns

    await wait_until(so_many, what=f"{turns} turns")


async def test_the_first_turns_are_free_and_the_next_ones_are_spread(
    budget: CallBudget, redis: Redis
) -> None:
    turns = sorted(await asyncio.gather(*(given(budget) for _ in range(9))))

    asked = await redis_ms(redis)
    assert await turns_in(redis) == turns
    assert turns[3] <= asked
    assert all(fifth - first >= SECOND_MS for first, fifth in pairwise_apart(turns, 4))
    assert all(sixth - first >= LONG_SECOND_MS for first, sixth in pairwise_apart(turns, 5))
    assert turns[8] <= asked + 3_200


async def test_turns_are_given_in_the_order_in_which_they_are_asked_for(redis: Redis) -> None:
    budgets = [CallBudget(redis, BudgetPolicy(per_second=1)) for _ in range(3)]

    turns = [await given(budget) for budget in budgets]

    assert all(later - earlier >= SECOND_MS for earlier, later in pairwise_apart(turns, 1))


async def test_a_turn_is_waited_for(budget: CallBudget, redis: Redis) -> None:
    await all_taken(redis, 0.1)

    assert await taken(budget, 10) is not None

    assert await redis_ms(redis) >= (await turns_in(redis))[-1]


async def test_who_cannot_wait_takes_nothing_and_knows_at_once(
    budget: CallBudget, redis: Redis
) -> None:
    await all_taken(redis, 100)

    async with asyncio.timeout(PATIENCE_S):
        assert await taken(budget, 50) is None

    assert await redis.llen(keys.YCLIENTS_TURNS) == 4


async def test_who_gives_up_gives_the_turn_back(budget: CallBudget, redis: Redis) -> None:
    await all_taken(redis, 100)
    waiting = [
        asyncio.create_task(taken(budget, 170, background=background))
        for background in (False, False, True)
    ]
    await asked_for(redis, 6)

    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert await redis.llen(keys.YCLIENTS_TURNS) == 4
    assert all(task.cancelled() for task in waiting)


async def test_a_turn_that_was_missed_is_taken_anew(budget: CallBudget, redis: Redis) -> None:
    ahead_s = 1.0
    await all_taken(redis, ahead_s)
    waiting = asyncio.create_task(taken(budget, 30))
    await asked_for(redis, 5)
    missed = (await turns_in(redis))[-1]

    time.sleep(ahead_s + SECOND_MS / 1000 + LATEST_S)  # noqa: ASYNC251 - a busy process

    assert await waiting is not None
    turns = await turns_in(redis)
    assert missed not in turns
    assert len(turns) == 5


async def test_a_free_turn_is_given_even_at_the_deadline(budget: CallBudget) -> None:
    assert await taken(budget, -1) is not None


async def test_the_minute_is_kept_over_all_processes(redis: Redis) -> None:
    policy = BudgetPolicy(per_second=5, per_minute=6)
    one, other = CallBudget(redis, policy), CallBudget(redis, policy)

    turns = await asyncio.gather(*(taken(budget, 30) for budget in (one, other) * 4))

    assert sum(turn is not None for turn in turns) == 6


async def test_background_calls_leave_half_to_those_for_whom_somebody_waits(
    budget: CallBudget, redis: Redis
) -> None:
    for _ in range(20):
        await given(budget, background=True)

    owners = [await given(budget) for _ in range(2)]

    assert max(owners) <= await redis_ms(redis)
    background = await turns_in(redis, keys.YCLIENTS_BACKGROUND_TURNS)
    assert 2 <= len(background) < 20
    assert all(third - first >= SECOND_MS for first, third in pairwise_apart(background, 2))


async def test_a_background_call_stands_back_behind_those_who_wait(
    budget: CallBudget, redis: Redis
) -> None:
    owners = [await given(budget) for _ in range(6)]

    assert await taken(budget, 30, background=True) is not None

    [behind] = await turns_in(redis, keys.YCLIENTS_BACKGROUND_TURNS)
    assert behind >= max(owners)


async def test_a_clock_that_was_set_back_stops_nothing(budget: CallBudget, redis: Redis) -> None:
    an_hour_ahead = int((time.time() + 3600) * 1000)
    await redis.lpush(keys.YCLIENTS_TURNS, *itertools.repeat(an_hour_ahead, 180))

    assert await taken(budget, 1) is not None


async def test_a_turn_is_good_for_a_moment_only(budget: CallBudget) -> None:
    asked = now()
    good_until = await budget.turn(asked + 10, background=False)

    assert good_until is not None
    assert asked < good_until <= now() + LATEST_S


@pytest.mark.usefixtures("no_leaked_keys")
async def test_no_key_is_left_for_ever(budget: CallBudget, redis: Redis) -> None:
    await taken(budget, 1)
    await taken(budget, 1, background=True)

    assert await redis.dbsize() == 2


async def test_without_redis_there_is_no_turn() -> None:
    redis = connect_redis("redis://127.0.0.1:9")
    try:
        with pytest.raises(RedisError):
            await CallBudget(redis, BudgetPolicy()).turn(now() + 1, background=False)
    finally:
        await redis.aclose()
