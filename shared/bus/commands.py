"""Commands over Redis streams: at least once, one effect, never late, carried out by the owner."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.bus import keys
from shared.bus.command_streams import CommandStreams, Taken, append_to_own_stream
from shared.errors import AppError, ErrorCode
from shared.lifecycle import raise_if_cancelled
from shared.messages.commands import Command, decode_command

_log = structlog.get_logger(__name__)
_handled = Counter("bus_commands_total", "Commands taken from the streams", ["outcome"])

MAX_FAILURES: Final = 5
MAX_CONCURRENT: Final = 200
PAUSE_AFTER_ERROR_S: Final = 0.5
MAX_MOVES: Final = 3
UNCLAIM_S: Final = 1.0

Handle = Callable[[Command], Awaitable[None]]
Refuse = Callable[[Command, ErrorCode], Awaitable[None]]
Route = Callable[[Command], Awaitable[str | None]]
"""Which other process is to have a command; None: we are. Raises AppError: it is refused."""


class MovedError(LookupError):
    """A session has left after a command was routed to it: the command is to follow it."""


async def _ours(_command: Command) -> str | None:
    return None


class CommandSender:
    """Every method may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def send(self, command: Command) -> None:
        """Append to the common stream."""
        await self._redis.xadd(
            keys.COMMANDS, {"command": command.to_json()}, maxlen=keys.COMMANDS_MAX_LENGTH
        )

    async def send_to(self, process_id: str, command: Command) -> None:
        """Append to the stream of that process."""
        async with self._redis.pipeline(transaction=True) as pipe:
            append_to_own_stream(pipe, process_id, {"command": command.to_json()})
            await pipe.execute()


class CommandConsumer:
    """Takes commands for this process and hands them on, many at once.

    Whoever takes a command from the common stream asks ``route`` whose it is and forwards it to the
    owner. ``handle`` has its effect before it returns; after MovedError the command is routed anew,
    any other exception counts as a failure, and after five the command moves to the dead-letter
    stream. ``refuse`` answers a command that is past its expiry, dead, or of nobody. What a killed
    process had in hand is taken over as soon as its heart is silent, and whatever else was left
    behind after 45 s. Of two entries with one ``commandId`` one is carried out, also when two
    processes have them at the same instant.
    """

    def __init__(
        self, redis: Redis, consumer: str, handle: Handle, refuse: Refuse, route: Route = _ours
    ) -> None:
        self._streams = CommandStreams(redis, consumer)
        self._handle = handle
        self._refuse = refuse
        self._route = route
        self._free = asyncio.Semaphore(MAX_CONCURRENT)
        self._at_work: set[tuple[str, str]] = set()
        self._in_hand: set[str] = set()
        self.reading = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled: then nothing new is read, and commands in hand stay for another try."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    await self._streams.prepare()
                    self.reading.set()
                    while True:
                        raise_if_cancelled()
                        await self._read_into(tasks)
                except RedisError as error:
                    _log.warning("bus_commands_unreadable", error=type(error).__name__)
                    await asyncio.sleep(PAUSE_AFTER_ERROR_S)

    async def close(self) -> None:
        """After the end: what was forwarded to us and is not done goes back to all.

        Raises redis.exceptions.RedisError.
        """
        await self._streams.give_back()

    async def _read_into(self, tasks: asyncio.TaskGroup) -> None:
        for taken in await self._streams.read():
            if taken.place in self._at_work:
                continue
            await self._free.acquire()
            self._at_work.add(taken.place)
            tasks.create_task(self._take(taken), name=f"command {taken.stream_id}")

    async def _take(self, taken: Taken) -> None:
        try:
            outcome = await self._process(taken)
            _handled.labels(outcome=outcome).inc()
        except RedisError as error:
            _log.warning("bus_command_left_for_later", error=type(error).__name__)
        except Exception:  # noqa: BLE001 - one command is a failure domain
            _handled.labels(outcome="failed").inc()
            _log.exception("bus_command_failed", stream_id=taken.stream_id)
        finally:
            self._at_work.discard(taken.place)
            self._free.release()

    async def _process(self, taken: Taken) -> str:
        try:
            command = decode_command(taken.fields.get("command", ""))
        except AppError as error:
            _log.warning("bus_command_invalid", stream_id=taken.stream_id, **error.context)
            await self._streams.bury(taken)
            return "invalid"
        if await self._streams.is_done(command.command_id):
            await self._streams.drop(taken)
            return "duplicate"
        if command.is_expired():
            _log.info(
                "bus_command_expired", stream_id=taken.stream_id, company_id=command.company_id
            )
            return await self._turn_down(taken, command, ErrorCode.COMMAND_EXPIRED, "expired")
        if await self._streams.deliveries(taken) > MAX_FAILURES:
            await self._refuse(command, ErrorCode.INTERNAL_ERROR)
            await self._streams.bury(taken)
            return "dead"
        return await self._pass_on(taken, command)

    async def _pass_on(self, taken: Taken, command: Command) -> str:
        for _ in range(MAX_MOVES):
            try:
                owner = await self._route(command)
            except AppError as error:
                return await self._turn_down(taken, command, error.code, "refused")
            if owner is not None:
                await self._streams.forward(taken, owner)
                return "forwarded"
            with contextlib.suppress(MovedError):
                return await self._carry_out(taken, command)
        raise MovedError

    async def _turn_down(
        self, taken: Taken, command: Command, code: ErrorCode, outcome: str
    ) -> str:
        await self._refuse(command, code)
        await self._streams.finish(taken, command.command_id)
        return outcome

    async def _carry_out(self, taken: Taken, command: Command) -> str:
        """Another entry of a command that is in hand goes: the one in hand is kept until done."""
        if command.command_id in self._in_hand:
            await self._streams.drop(taken)
            return "duplicate"
        self._in_hand.add(command.command_id)
        try:
            if not await self._streams.claim(command.command_id):
                await self._streams.drop(taken)
                return "duplicate"
            try:
                await self._handle(command)
            except BaseException:
                await self._unclaim(command.command_id)
                raise
            await self._streams.finish(taken, command.command_id)
        finally:
            self._in_hand.discard(command.command_id)
        return "done"

    async def _unclaim(self, command_id: str) -> None:
        """It is not done: the next one who has it need not wait until our heart is silent."""
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(UNCLAIM_S):
                await self._streams.unclaim(command_id)
