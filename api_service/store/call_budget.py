"""Calls to YClients that all API processes may make together, counted in Redis on its own clock.

A call takes a turn: a moment, now or ahead, at which it is made. Turns are given in the order in
which they are asked for, and so that at YClients no limit is passed, although between a turn and
the arrival of its request there is some time, now more, now less.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, cast

from redis.asyncio import Redis

from shared.bus import keys

SECOND_MS: Final = 1_250
"""Within which no more turns are given than are allowed in a second…"""
LONG_SECOND_MS: Final = 1_600
"""…and within which only one more: requests would have to gain 0.6 s on others to be too many."""
MINUTE_MS: Final = 60_500
LATEST_S: Final = 0.25
"""A turn is good for so long."""
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
if wait > patience then return {0, wait} end
if background and wait > 0 then return {1, wait} end

redis.call('LPUSH', turns, turn)
redis.call('LTRIM', turns, 0, per_minute - 1)
redis.call('PEXPIRE', turns, wait + minute)
if background then
  redis.call('LPUSH', background_turns, turn)
  redis.call('LTRIM', background_turns, 0, per_minute - 1)
  redis.call('PEXPIRE', background_turns, wait + minute)
end
return {2, wait}
"""
_TOO_LATE: Final = 0
_ASK_AGAIN: Final = 1


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """At most so many calls, by all API processes."""

    per_second: int = 4
    per_minute: int = 180


class CallBudget:
    """Raises redis.exceptions.RedisError."""

    def __init__(self, redis: Redis, policy: BudgetPolicy) -> None:
        self._script = redis.register_script(_SCRIPT)
        self._policy = policy

    async def turn(self, deadline: float, *, background: bool) -> float | None:
        """Return when it is this call's turn, or None at once when it would be after ``deadline``.

        A turn that is free now is always given. ``deadline``, and the answer, the moment until
        which the turn is good: on the loop's clock. A background call takes a turn only when it is
        free now, and at most half of all: what an owner waits for never stands behind it.
        """
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.time()
            patience_s = max(0.0, deadline - asked)
            given, wait_s = await self._take(patience_s, background=background)
            if given == _TOO_LATE:
                return None
            await asyncio.sleep(wait_s)
            good_until = asked + wait_s + LATEST_S
            if given != _ASK_AGAIN and loop.time() <= good_until:
                return good_until

    async def _take(self, patience_s: float, *, background: bool) -> tuple[int, float]:
        policy = self._policy
        call = cast("Callable[..., Awaitable[tuple[int, int]]]", self._script)
        given, wait_ms = await call(
            keys=[keys.YCLIENTS_TURNS, keys.YCLIENTS_BACKGROUND_TURNS],
            args=[
                round(patience_s * 1000),
                int(background),
                policy.per_second,
                policy.per_minute,
                SECOND_MS,
                LONG_SECOND_MS,
                MINUTE_MS,
                FURTHEST_AHEAD_MS,
            ],
        )
        return given, wait_ms / 1000
