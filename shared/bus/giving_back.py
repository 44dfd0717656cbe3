"""Commands that were forwarded to a process which has ended, for the others again."""

from collections.abc import Awaitable, Callable
from typing import Final, cast

import structlog
from redis.asyncio import Redis

from shared.bus import keys

_log = structlog.get_logger(__name__)

_GIVE_BACK: Final = """
local entries = redis.call('XRANGE', KEYS[1], '-', '+')
for _, entry in ipairs(entries) do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], '*', unpack(entry[2]))
end
redis.call('DEL', KEYS[1])
return #entries
"""


class GivingBack:
    def __init__(self, redis: Redis) -> None:
        self._script = redis.register_script(_GIVE_BACK)

    async def of(self, process_id: str) -> None:
        """Move what is in its own stream to the common one. Raises redis.exceptions.RedisError."""
        call = cast("Callable[..., Awaitable[int]]", self._script)
        count = await call(
            keys=[keys.commands_of(process_id), keys.COMMANDS], args=[keys.COMMANDS_MAX_LENGTH]
        )
        if count:
            _log.warning("bus_commands_given_back", consumer=process_id, commands=count)
