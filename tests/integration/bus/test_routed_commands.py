"""A command that another process has taken reaches the owner of its session."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from shared.bus import command_streams, heartbeat, keys, takeover
from shared.bus.commands import CommandConsumer, CommandSender, MovedError
from shared.bus.connection import connect_redis
from shared.bus.heartbeat import Heartbeats
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.errors import AppError, ErrorCode
from shared.messages.commands import Command, RequestQr
from shared.messages.envelope import new_id
from tests.support.heart import beating
from tests.support.waiting import wait_until

SESSION = SessionId("company_1001")


class Process:
    """A WhatsApp process as the bus sees it. ``owner``: whom it takes for the session's owner."""

    def __init__(self, redis: Redis, name: str, owner: str | None = None) -> None:
        self.name = name
        self.owner = owner
        self.handled: list[Command] = []
        self.refused: list[ErrorCode] = []
        self.moves_to: str | None = None
        self.busy = asyncio.Event()
        self.hangs = False
        self.consumer = CommandConsumer(redis, name, self._handle, self._refuse, self._route)

    async def _route(self, _command: Command) -> str | None:
        if self.owner is None:
            raise AppError(ErrorCode.SERVICE_UNAVAILABLE)
        return None if self.owner == self.name else self.owner

    async def _handle(self, command: Command) -> None:
        if self.moves_to is not None:
            self.owner = self.moves_to
            raise MovedError
        self.busy.set()
        if self.hangs:
            await asyncio.Event().wait()
        self.handled.append(command)

    async def _refuse(self, _command: Command, code: ErrorCode) -> None:
        self.refused.append(code)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.consumer.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def _who_lives_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a machine that stands still for some seconds."""
    monkeypatch.setattr(heartbeat, "LIFETIME_MS", 60_000)


@pytest.fixture
async def redis(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Redis]:
    monkeypatch.setattr(command_streams, "READ_BLOCK_MS", 20)
    client = connect_redis(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def quick_death(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeover, "SILENT_MS", 1)
    monkeypatch.setattr(takeover, "LOOK_EVERY_S", 0)


def command() -> RequestQr:
    return RequestQr(
        command_id=new_id(),
        company_id=SESSION,
        issued_at=now_ms(),
        expires_at=now_ms() + 20_000,
    )


async def nothing_waits(redis: Redis, *processes: Process) -> bool:
    own = [await redis.xlen(keys.commands_of(process.name)) for process in processes]
    common = await redis.xpending(keys.COMMANDS, keys.COMMANDS_GROUP)
    return not any(own) and not common["pending"]


async def consumers_are(redis: Redis, *names: str) -> bool:
    consumers = await redis.xinfo_consumers(keys.COMMANDS, keys.COMMANDS_GROUP)
    return sorted(consumer["name"] for consumer in consumers) == sorted(names)


async def test_what_is_written_to_the_dead_at_the_last_moment_is_not_lost(redis: Redis) -> None:
    """Between the look at its stream and the verdict."""
    next_one, sent = Process(redis, "next", "next"), command()
    await CommandSender(redis).send_to("dead", sent)

    await Heartbeats(redis).strike_off("dead")

    async with beating(redis, "next"), next_one.running():
        await wait_until(lambda: next_one.handled == [sent])


async def test_whoever_takes_it_the_owner_does_it_once(redis: Redis) -> None:
    owner = Process(redis, "owner", "owner")
    others = [Process(redis, f"other-{number}", "owner") for number in range(2)]
    sent = [command() for _ in range(30)]
    async with (
        beating(redis, "owner"),
        owner.running(),
        others[0].running(),
        others[1].running(),
    ):
        for each in sent:
            await CommandSender(redis).send(each)
        await wait_until(lambda: len(owner.handled) == len(sent))
        await wait_until(lambda: nothing_waits(redis, owner, *others))

    assert {each.command_id for each in owner.handled} == {each.command_id for each in sent}
    assert not others[0].handled
    assert not others[1].handled


async def test_an_owner_that_dies_before_it_reads_leaves_it_to_the_next(
    redis: Redis, quick_death: None
) -> None:
    """It is written to until it is found dead, also when its place in the group is gone."""
    del quick_death
    dead, next_one = Process(redis, "dead", "dead"), Process(redis, "next", "dead")
    async with dead.running():
        await wait_until(lambda: redis.exists(keys.commands_of("dead")))
    await redis.sadd(keys.PROCESSES, "dead")
    sent = command()
    async with beating(redis, "next"), next_one.running():
        await wait_until(lambda: consumers_are(redis, "next"))
        await CommandSender(redis).send(sent)
        next_one.owner = "next"
        await wait_until(lambda: next_one.handled == [sent])
        await wait_until(lambda: nothing_waits(redis, dead, next_one))


async def test_what_an_owner_has_not_done_when_it_ends_goes_back(redis: Redis) -> None:
    leaving, other = Process(redis, "leaving", "leaving"), Process(redis, "other", "other")
    sent = command()
    await CommandSender(redis).send_to("leaving", sent)

    await leaving.consumer.close()

    assert not await redis.exists(keys.commands_of("leaving"))
    async with beating(redis, "other"), other.running():
        await wait_until(lambda: other.handled == [sent])


async def test_a_session_that_changes_hands_meanwhile_is_followed(redis: Redis) -> None:
    first, second = Process(redis, "first", "second"), Process(redis, "second", "second")
    sent = command()
    await CommandSender(redis).send_to("first", sent)
    async with beating(redis, "first"), first.running(), second.running():
        await wait_until(lambda: second.handled == [sent])
        await wait_until(lambda: nothing_waits(redis, first, second))


async def test_a_command_of_nobody_is_refused(redis: Redis) -> None:
    homeless = Process(redis, "homeless", None)
    async with beating(redis, "homeless"), homeless.running():
        await CommandSender(redis).send(command())
        await wait_until(lambda: homeless.refused == [ErrorCode.SERVICE_UNAVAILABLE])
        await wait_until(lambda: nothing_waits(redis, homeless))


async def test_a_session_that_leaves_after_its_command_was_routed_is_followed(
    redis: Redis,
) -> None:
    first, second = Process(redis, "first", "first"), Process(redis, "second", "second")
    first.moves_to, sent = "second", command()
    await CommandSender(redis).send_to("first", sent)
    async with (
        beating(redis, "first"),
        beating(redis, "second"),
        first.running(),
        second.running(),
    ):
        await wait_until(lambda: second.handled == [sent])
        await wait_until(lambda: nothing_waits(redis, first, second))


async def test_what_a_leaving_process_has_in_hand_is_done_by_another_while_its_heart_beats(
    redis: Redis,
) -> None:
    leaving, other = Process(redis, "leaving", "leaving"), Process(redis, "other", "other")
    leaving.hangs, sent = True, command()
    await CommandSender(redis).send_to("leaving", sent)
    async with beating(redis, "leaving"):
        async with leaving.running():
            await leaving.busy.wait()
        await leaving.consumer.close()
        async with beating(redis, "other"), other.running():
            await wait_until(lambda: other.handled == [sent])
