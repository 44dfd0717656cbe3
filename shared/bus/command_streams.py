"""The two streams a process takes commands from: the common one, and its own.

Both are read by one consumer group. An entry of the common stream stays there and is acknowledged;
an entry of a process' own stream is deleted when it is done, so whatever is left in it can be given
back to the common stream when its process has ended.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ResponseError

from shared.bus import keys
from shared.bus.giving_back import GivingBack
from shared.bus.takeover import Takeover

READ_BLOCK_MS: Final = 2_000
ABANDONED_AFTER_MS: Final = 45_000
BATCH: Final = 50
SEEN: Final = 500
"""More than a process has in hand."""
BURIED_LENGTH: Final = 4_096
REMEMBER_DONE_S: Final = 600
OWN_STREAM_S: Final = 3_600
"""An own stream whose process is gone ends by itself, should nobody else be there."""

_CLAIM: Final = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] and redis.call('EXISTS', ARGV[3] .. holder) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""

_UNCLAIM: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """An entry that this process has in hand."""

    stream: str
    stream_id: str
    fields: dict[str, str]

    @property
    def place(self) -> tuple[str, str]:
        return self.stream, self.stream_id


class CommandStreams:
    """Every method may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis, consumer: str) -> None:
        self._redis = redis
        self._consumer = consumer
        self._own = keys.commands_of(consumer)
        self._kept_at = 0.0
        self._takeover = Takeover(redis, consumer)
        self._giving_back = GivingBack(redis)
        self._seen: deque[tuple[str, str]] = deque(maxlen=SEEN)
        self._claim = redis.register_script(_CLAIM)
        self._unclaim = redis.register_script(_UNCLAIM)

    async def prepare(self) -> None:
        """Make the streams and the group, if they are not there."""
        for stream in (keys.COMMANDS, self._own):
            try:
                await self._redis.xgroup_create(stream, keys.COMMANDS_GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
        await self._keep_own()

    async def read(self) -> list[Taken]:
        """What the dead left behind, what nobody has finished, what is new; waits 2 s for it."""
        if time.monotonic() - self._kept_at > OWN_STREAM_S / 4:
            await self._keep_own()
        taken = [
            *(Taken(keys.COMMANDS, *entry) for entry in await self._takeover.claim()),
            *await self._read_abandoned(),
            *await self._read_missed(),
            *await self._read_new(),
        ]
        self._seen.extend(each.place for each in taken)
        return taken

    async def _keep_own(self) -> None:
        await self._redis.expire(self._own, OWN_STREAM_S)
        self._kept_at = time.monotonic()

    async def give_back(self) -> None:
        """At the end: what was forwarded to us and is not done is for somebody else."""
        await self._giving_back.of(self._consumer)

    async def claim(self, command_id: str) -> bool:
        """False while another process that lives has it in hand."""
        claim = cast("Callable[..., Awaitable[int]]", self._claim)
        return bool(
            await claim(
                keys=[keys.command_claim(command_id)],
                args=[self._consumer, REMEMBER_DONE_S, keys.process_heartbeat("")],
            )
        )

    async def unclaim(self, command_id: str) -> None:
        """It is not in our hand any more, and not done."""
        unclaim = cast("Callable[..., Awaitable[None]]", self._unclaim)
        await unclaim(keys=[keys.command_claim(command_id)], args=[self._consumer])

    async def is_done(self, command_id: str) -> bool:
        return bool(await self._redis.exists(keys.command_done(command_id)))

    async def deliveries(self, taken: Taken) -> int:
        """How often it has been taken."""
        pending = await self._redis.xpending_range(
            taken.stream, keys.COMMANDS_GROUP, min=taken.stream_id, max=taken.stream_id, count=1
        )
        return int(pending[0]["times_delivered"]) if pending else 0

    async def finish(self, taken: Taken, command_id: str) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(keys.command_done(command_id), "1", ex=REMEMBER_DONE_S)
            self._remove(pipe, taken)
            await pipe.execute()

    async def drop(self, taken: Taken) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            self._remove(pipe, taken)
            await pipe.execute()

    async def forward(self, taken: Taken, process_id: str) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            append_to_own_stream(pipe, process_id, taken.fields)
            self._remove(pipe, taken)
            await pipe.execute()

    async def bury(self, taken: Taken) -> None:
        """Move to the dead-letter stream, from which an operator can replay.

        What is longer than any command is cut: the stream is bounded by entries, not by bytes.
        """
        kept = {name[:BURIED_LENGTH]: text[:BURIED_LENGTH] for name, text in taken.fields.items()}
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xadd(
                keys.COMMANDS_DEAD,
                cast("Any", {**kept, "from": taken.stream_id}),
                maxlen=keys.COMMANDS_DEAD_MAX_LENGTH,
            )
            self._remove(pipe, taken)
            await pipe.execute()

    def _remove(self, pipe: Pipeline, taken: Taken) -> None:
        pipe.xack(taken.stream, keys.COMMANDS_GROUP, taken.stream_id)
        if taken.stream == self._own:
            pipe.xdel(taken.stream, taken.stream_id)

    async def _read_abandoned(self) -> list[Taken]:
        taken = []
        for stream in (keys.COMMANDS, self._own):
            _, entries, *_ = await self._redis.xautoclaim(
                stream,
                keys.COMMANDS_GROUP,
                self._consumer,
                min_idle_time=ABANDONED_AFTER_MS,
                count=BATCH,
            )
            taken += [Taken(stream, *entry) for entry in entries if entry[1]]
        return taken

    async def _read_missed(self) -> list[Taken]:
        """What was given to us in an answer that never came.

        A read that we gave up on a Redis that stood still is carried out when it goes on.
        """
        taken = []
        for stream in (keys.COMMANDS, self._own):
            pending = await self._redis.xpending_range(
                stream,
                keys.COMMANDS_GROUP,
                min="-",
                max="+",
                count=SEEN,
                consumername=self._consumer,
            )
            ids = [str(item["message_id"]) for item in pending]
            missed: list[Any] = [
                stream_id for stream_id in ids if (stream, stream_id) not in self._seen
            ]
            if missed:
                entries = await self._redis.xclaim(
                    stream, keys.COMMANDS_GROUP, self._consumer, min_idle_time=0, message_ids=missed
                )
                taken += [Taken(stream, *entry) for entry in cast("list[Any]", entries) if entry[1]]
        return taken

    async def _read_new(self) -> list[Taken]:
        answer = await self._redis.xreadgroup(
            keys.COMMANDS_GROUP,
            self._consumer,
            {keys.COMMANDS: ">", self._own: ">"},
            count=BATCH,
            block=READ_BLOCK_MS,
        )
        streams = answer.items() if isinstance(answer, dict) else answer
        return [
            Taken(str(stream), *entry)
            for stream, entries in streams
            for entry in _flat(cast("list[Any]", entries))
        ]


def append_to_own_stream(pipe: Pipeline, process_id: str, fields: dict[str, str]) -> None:
    stream = keys.commands_of(process_id)
    pipe.xadd(stream, cast("Any", fields), maxlen=keys.COMMANDS_MAX_LENGTH)
    pipe.expire(stream, OWN_STREAM_S)


def _flat(entries: list[Any]) -> list[tuple[str, dict[str, str]]]:
    """redis-py nests the entries once more under RESP3 than under RESP2."""
    return [
        entry
        for item in entries
        for entry in (item if isinstance(item, list) else [item])
        if entry[1]
    ]
