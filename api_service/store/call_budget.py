"""Calls to YClients that all API processes may make together, counted in Redis on its own clock.

A call takes a turn: a moment, now or ahead, at which it is made. Turns are given in the order in
which they are asked for, and so that at YClients no limit is passed, although between a turn and
the arrival of its request there is some time, now more, now less.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api_service.store.redis_clock import RedisClock
from shared.bus import keys

SECOND_MS: Final = 1_250
"""Within which no more turns are given than are allowed in a second…"""
LONG_SECOND_MS: Final = 1_600
"""…and within which only one more: requests would have to gain 0.6 s on others to be too many."""
MINUTE_MS: Final = 60_500
LATEST_S: Final = 0.2
"""How long a turn stays good."""
FURTHEST_AHEAD_MS: Final = 180_000
"""No turn is ever given so far ahead: one that is there is of a clock that has been set back."""

_SCRIPT: Final = """
local turns, background_turns = KEYS[1], KEYS[2]
local patience, background = tonumber(ARGV[1]), ARGV[2] == '1'
local per_second, per_minute = tonumber(ARGV[3]), tonumber(ARGV[4])
local second, long_second, minute = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function after(key, count, window)
  local turn = redis.call('LINDEX', key, count - 1)
  return turn and tonumber(turn) + window or 0
end

local newest = redis.call('LINDEX', turns, 0)
if newest and tonumber(newest) > now + tonumber(ARGV[8]) then
  redis.call('DEL', turns, background_turns)
  newest = nil
end

local turn = math.max(
  now, newest and tonumber(newest) or 0,
  after(turns, per_second, second),
  after(turns, per_second + 1, long_second),
  after(turns, per_minute, minute)
)
if background then
  turn = math.max(
    turn,
    after(background_turns, math.max(1, math.floor(per_second / 2)), second),
    after(background_turns, math.max(1, math.floor(per_minute / 2)), minute)
  )
end
local wait = turn - now
if wait > patience then return {0, turn, now} end
if background and wait > 0 then return {1, turn, now} end

redis.call('LPUSH', turns, turn)
redis.call('LTRIM', turns, 0, per_minute - 1)
redis.call('PEXPIRE', turns, wait + minute)
if background then
  redis.call('LPUSH', background_turns, turn)
  redis.call('LTRIM', background_turns, 0, per_minute - 1)
  redis.call('PEXPIRE', background_turns, wait + minute)
end
return {2, turn, now}
"""
_TOO_LATE: Final = 0
_ASK_AGAIN: Final = 1


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """At most so many calls, by all API processes."""

    per_second: int = 4
    per_minute: int = 180


@dataclass(frozen=True, slots=True)
class _Reply:
    """``turn_ms`` on Redis' clock: one that was given, or the next that there would be."""

    given: int
    turn_ms: int


class CallBudget:
    """Raises redis.exceptions.RedisError."""

    def __init__(self, redis: Redis, policy: BudgetPolicy) -> None:
        self._redis = redis
        self._script = redis.register_script(_SCRIPT)
        self._policy = policy
        self._clock = RedisClock()

    async def turn(self, deadline: float, *, background: bool) -> float | None:
        """Return when it is this call's turn, or None at once when it would be after ``deadline``.

        A turn that is free now is always given. ``deadline``, and the answer, the moment until
        which the turn is good: on the loop's clock. A background call takes a turn only when it is
        free now, and at most half of all: what an owner waits for never stands behind it.
        """
        while True:
            reply = await self._ask(deadline, background=background)
            if reply.given == _TOO_LATE:
                return None
            if reply.given == _ASK_AGAIN:
                await self._sleep_until(reply.turn_ms)
                continue
            good_until = await self._wait_for(reply.turn_ms, background=background)
            if good_until is not None:
                return good_until

    async def _wait_for(self, turn_ms: int, *, background: bool) -> float | None:
        """Until when the turn is good; None when it was missed. What is not used is given back."""
        used = False
        try:
            await self._sleep_until(turn_ms)
            now = asyncio.get_running_loop().time()
            good_until = self._clock.span(turn_ms / 1000, now)[0] + LATEST_S
            used = now <= good_until
        finally:
            if not used:
                await self._give_back(turn_ms, background=background)
        return good_until if used else None

    async def _sleep_until(self, turn_ms: int) -> None:
        """Never less: what is known of Redis' clock may have changed meanwhile."""
        loop = asyncio.get_running_loop()
        while (left_s := self._clock.span(turn_ms / 1000, loop.time())[1] - loop.time()) > 0:  # noqa: ASYNC110 - a clock is waited for
            await asyncio.sleep(left_s)

    async def _give_back(self, turn_ms: int, *, background: bool) -> None:
        """It does not count any more. If Redis is away, or has forgotten it, nothing is lost."""
        with contextlib.suppress(RedisError, OSError):
            await self._redis.lrem(keys.YCLIENTS_TURNS, 1, str(turn_ms))
            if background:
                await self._redis.lrem(keys.YCLIENTS_BACKGROUND_TURNS, 1, str(turn_ms))

    async def _ask(self, deadline: float, *, background: bool) -> _Reply:
        loop, policy = asyncio.get_running_loop(), self._policy
        call = cast("Callable[..., Awaitable[tuple[int, int, int]]]", self._script)
        asked = loop.time()
        given, turn_ms, said_ms = await call(
            keys=[keys.YCLIENTS_TURNS, keys.YCLIENTS_BACKGROUND_TURNS],
            args=[
                round(max(0.0, deadline - asked) * 1000),
                int(background),
                policy.per_second,
                policy.per_minute,
                SECOND_MS,
                LONG_SECOND_MS,
                MINUTE_MS,
                FURTHEST_AHEAD_MS,
            ],
        )
        self._clock.read(said_ms / 1000, asked, loop.time())
        return _Reply(given, turn_ms)
