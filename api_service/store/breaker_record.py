"""The state of a circuit breaker in Redis, one for all API processes, on Redis' own clock."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, cast

from redis.asyncio import Redis

from shared.bus import keys

KEEP_MS: Final = 24 * 60 * 60 * 1000

_SCRIPT: Final = """
local key, action = KEYS[1], ARGV[1]
local failures_limit, successes_needed = tonumber(ARGV[2]), tonumber(ARGV[3])
local cool_down, operation, keep = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local opened_at = tonumber(redis.call('HGET', key, 'opened_at'))
local trial_until = tonumber(redis.call('HGET', key, 'trial_until') or '0')
local state, wait = 'closed', 0
if opened_at and now < opened_at + cool_down then
  state, wait = 'open', opened_at + cool_down - now
elseif opened_at then
  state, wait = 'half-open', math.max(0, trial_until - now)
end

local function open()
  redis.call('DEL', key)
  redis.call('HSET', key, 'opened_at', now)
  state, wait = 'open', cool_down
end

local admitted = 0
if action == 'enter' and wait == 0 then
  admitted = 1
  if state == 'half-open' then redis.call('HSET', key, 'trial_until', now + operation) end
elseif action == 'succeeded' and state == 'closed' then
  redis.call('DEL', key)
elseif action == 'succeeded' and state == 'half-open' then
  redis.call('HDEL', key, 'trial_until')
  if redis.call('HINCRBY', key, 'successes', 1) >= successes_needed then
    redis.call('DEL', key)
    state, wait = 'closed', 0
  end
elseif action == 'failed' and state == 'closed' then
  if redis.call('HINCRBY', key, 'failures', 1) >= failures_limit then open() end
elseif action == 'failed' and state == 'half-open' then
  open()
elseif action == 'withdrew' and state == 'half-open' then
  redis.call('HDEL', key, 'trial_until')
elseif action == 'reset' then
  redis.call('DEL', key)
  state, wait = 'closed', 0
end
redis.call('PEXPIRE', key, keep)
return {admitted, state, wait, tonumber(redis.call('HGET', key, 'failures') or '0')}
"""


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """``operation_s``: a trial that tells nothing for so long makes room for another one."""

    failures: int = 5
    successes: int = 2
    cool_down_s: float = 60.0
    operation_s: float = 30.0


@dataclass(frozen=True, slots=True)
class BreakerReading:
    """``wait_ms``: until the next operation may be admitted; ``failures`` in a row while closed."""

    admitted: bool
    state: BreakerState
    wait_ms: int
    failures: int = 0


class BreakerRecord:
    """Every method is one atomic step. Raises redis.exceptions.RedisError."""

    def __init__(self, redis: Redis, name: str, policy: BreakerPolicy) -> None:
        self._script = redis.register_script(_SCRIPT)
        self._key = keys.breaker(name)
        self._policy = policy

    async def enter(self) -> BreakerReading:
        """Ask for admission; half-open, one trial at a time is admitted."""
        return await self._step("enter")

    async def succeeded(self) -> None:
        await self._step("succeeded")

    async def failed(self) -> None:
        await self._step("failed")

    async def withdrew(self) -> None:
        """The operation showed neither success nor failure."""
        await self._step("withdrew")

    async def read(self) -> BreakerReading:
        return await self._step("read")

    async def reset(self) -> None:
        await self._step("reset")

    async def _step(self, action: str) -> BreakerReading:
        policy = self._policy
        call = cast("Callable[..., Awaitable[tuple[int, str, int, int]]]", self._script)
        admitted, state, wait_ms, failures = await call(
            keys=[self._key],
            args=[
                action,
                policy.failures,
                policy.successes,
                round(policy.cool_down_s * 1000),
                round(policy.operation_s * 1000),
                KEEP_MS,
            ],
        )
        return BreakerReading(bool(admitted), BreakerState(state), int(wait_ms), int(failures))
