"""Commands over a Redis stream with one consumer group: at least once, one effect, never late."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import structlog
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from shared.bus import keys
from shared.bus.takeover import Entry, Takeover
from shared.errors import AppError, ErrorCode
from shared.lifecycle import raise_if_cancelled
from shared.messages.commands import Command, decode_command

_log = structlog.get_logger(__name__)
_handled = Counter("bus_commands_total", "Commands taken from the stream", ["outcome"])

READ_BLOCK_MS: Final = 2_000
ABANDONED_AFTER_MS: Final = 45_000
MAX_FAILURES: Final = 5
BURIED_LENGTH: Final = 4_096
MAX_CONCURRENT: Final = 200
REMEMBER_DONE_S: Final = 600
PAUSE_AFTER_ERROR_S: Final = 0.5

Handle = Callable[[Command], Awaitable[None]]
Refuse = Callable[[Command, ErrorCode], Awaitable[None]]

_CLAIM: Final = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] and redis.call('EXISTS', ARGV[3] .. holder) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""


class CommandSender:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def send(self, command: Command) -> str:
        """Append to the stream; the stream id. Raises redis.exceptions.RedisError."""
        stream_id = await self._redis.xadd(
            keys.COMMANDS, {"command": command.to_json()}, maxlen=keys.COMMANDS_MAX_LENGTH
        )
        return str(stream_id)


class CommandConsumer:
    """Takes commands for this process and hands them on, many at once.

    ``handle`` has its effect before it returns; an exception of it counts as a failure, and after
    five the command moves to the dead-letter stream. ``refuse`` answers a command that is past its
    expiry or dead. What a killed process had in hand is taken over as soon as its heart is silent,
    and whatever else was left behind after 45 s. Of two entries with one ``commandId`` one is
    carried out, also when two processes have them at the same instant.
    """

    def __init__(self, redis: Redis, consumer: str, handle: Handle, refuse: Refuse) -> None:
        self._redis = redis
        self._consumer = consumer
        self._handle = handle
        self._refuse = refuse
        self._free = asyncio.Semaphore(MAX_CONCURRENT)
        self._at_work: set[str] = set()
        self._in_hand: set[str] = set()
        self._takeover = Takeover(redis, consumer)
        self._claim = redis.register_script(_CLAIM)

    async def run(self) -> None:
        """Until cancelled: then nothing new is read, and commands in hand stay for another try."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    await self._ensure_group()
                    while True:
                        raise_if_cancelled()
                        await self._read_into(tasks)
                except RedisError as error:
                    _log.warning("bus_commands_unreadable", error=type(error).__name__)
                    await asyncio.sleep(PAUSE_AFTER_ERROR_S)

    async def _ensure_group(self) -> None:
        try:
            await self._redis.xgroup_create(
                keys.COMMANDS, keys.COMMANDS_GROUP, id="0", mkstream=True
            )
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _read_into(self, tasks: asyncio.TaskGroup) -> None:
        entries = [
            *await self._takeover.claim(),
            *await self._claim_abandoned(),
            *await self._read_new(),
        ]
        for stream_id, fields in entries:
            if stream_id in self._at_work:
                continue
            await self._free.acquire()
            self._at_work.add(stream_id)
            tasks.create_task(self._take(stream_id, fields), name=f"command {stream_id}")

    async def _claim_abandoned(self) -> list[Entry]:
        _, entries, *_ = await self._redis.xautoclaim(
            keys.COMMANDS,
            keys.COMMANDS_GROUP,
            self._consumer,
            min_idle_time=ABANDONED_AFTER_MS,
            count=50,
        )
        return [entry for entry in entries if entry[1]]

    async def _read_new(self) -> list[Entry]:
        answer = await self._redis.xreadgroup(
            keys.COMMANDS_GROUP,
            self._consumer,
            {keys.COMMANDS: ">"},
            count=50,
            block=READ_BLOCK_MS,
        )
        streams = answer.values() if isinstance(answer, dict) else (item[1] for item in answer)
        return [entry for entries in streams for entry in _flat(cast("list[Any]", entries))]

    async def _take(self, stream_id: str, fields: dict[str, str]) -> None:
        try:
            outcome = await self._process(stream_id, fields)
            _handled.labels(outcome=outcome).inc()
        except RedisError as error:
            _log.warning("bus_command_left_for_later", error=type(error).__name__)
        except Exception:  # noqa: BLE001 - one command is a failure domain
            _handled.labels(outcome="failed").inc()
            _log.exception("bus_command_failed", stream_id=stream_id)
        finally:
            self._at_work.discard(stream_id)
            self._free.release()

    async def _process(self, stream_id: str, fields: dict[str, str]) -> str:
        try:
            command = decode_command(fields.get("command", ""))
        except AppError as error:
            _log.warning("bus_command_invalid", stream_id=stream_id, **error.context)
            await self._bury(stream_id, fields)
            return "invalid"
        if await self._redis.exists(keys.command_done(command.command_id)):
            await self._acknowledge(stream_id)
            return "duplicate"
        if command.is_expired():
            _log.info("bus_command_expired", stream_id=stream_id, company_id=command.company_id)
            await self._refuse(command, ErrorCode.COMMAND_EXPIRED)
            await self._finish(stream_id, command)
            return "expired"
        if await self._failures(stream_id) > MAX_FAILURES:
            await self._refuse(command, ErrorCode.INTERNAL_ERROR)
            await self._bury(stream_id, fields)
            return "dead"
        return await self._carry_out(stream_id, command)

    async def _carry_out(self, stream_id: str, command: Command) -> str:
        """Another entry of a command that is in hand goes: the one in hand is kept until done."""
        if command.command_id in self._in_hand:
            await self._acknowledge(stream_id)
            return "duplicate"
        self._in_hand.add(command.command_id)
        try:
            if not await self._claimed(command):
                await self._acknowledge(stream_id)
                return "duplicate"
            await self._handle(command)
            await self._finish(stream_id, command)
        finally:
            self._in_hand.discard(command.command_id)
        return "done"

    async def _claimed(self, command: Command) -> bool:
        """False while another process that lives has it in hand."""
        claim = cast("Callable[..., Awaitable[int]]", self._claim)
        return bool(
            await claim(
                keys=[keys.command_claim(command.command_id)],
                args=[self._consumer, REMEMBER_DONE_S, keys.process_heartbeat("")],
            )
        )

    async def _failures(self, stream_id: str) -> int:
        pending = await self._redis.xpending_range(
            keys.COMMANDS, keys.COMMANDS_GROUP, min=stream_id, max=stream_id, count=1
        )
        return int(pending[0]["times_delivered"]) if pending else 0

    async def _finish(self, stream_id: str, command: Command) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(keys.command_done(command.command_id), "1", ex=REMEMBER_DONE_S)
            pipe.xack(keys.COMMANDS, keys.COMMANDS_GROUP, stream_id)
            await pipe.execute()

    async def _acknowledge(self, stream_id: str) -> None:
        await self._redis.xack(keys.COMMANDS, keys.COMMANDS_GROUP, stream_id)

    async def _bury(self, stream_id: str, fields: dict[str, str]) -> None:
        """Move to the dead-letter stream, from which an operator can replay.

        What is longer than any command is cut: the stream is bounded by entries, not by bytes.
        """
        kept = {name[:BURIED_LENGTH]: text[:BURIED_LENGTH] for name, text in fields.items()}
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xadd(
                keys.COMMANDS_DEAD,
                cast("Any", {**kept, "from": stream_id}),
                maxlen=keys.COMMANDS_DEAD_MAX_LENGTH,
            )
            pipe.xack(keys.COMMANDS, keys.COMMANDS_GROUP, stream_id)
            await pipe.execute()


def _flat(entries: list[Any]) -> list[Entry]:
    """redis-py nests the entries once more under RESP3 than under RESP2."""
    return [
        entry
        for item in entries
        for entry in (item if isinstance(item, list) else [item])
        if entry[1]
    ]
