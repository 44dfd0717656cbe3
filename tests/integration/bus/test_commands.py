"""Commands over a real Redis-protocol server: at least once, one effect, never late."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
import structlog.testing
from redis.asyncio import Redis

from shared.bus import command_streams, heartbeat, keys, takeover
from shared.bus.commands import CommandConsumer, CommandSender
from shared.bus.connection import connect_redis
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.errors import ErrorCode
from shared.messages.commands import Command, RequestQr
from shared.messages.envelope import new_id
from tests.support.heart import beating
from tests.support.waiting import wait_until

SESSION = SessionId("company_1001")


class Recorder:
    def __init__(self) -> None:
        self.handled: list[Command] = []
        self.refused: list[tuple[Command, ErrorCode]] = []
        self.failing = False

    async def handle(self, command: Command) -> None:
        if self.failing:
            raise RuntimeError("no effect")
        self.handled.append(command)

    async def refuse(self, command: Command, code: ErrorCode) -> None:
        self.refused.append((command, code))


@pytest.fixture(autouse=True)
def _who_lives_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a machine that stands still for some seconds."""
    monkeypatch.setattr(heartbeat, "LIFETIME_MS", 60_000)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect_redis(redis_url)
    yield client
    await client.aclose()


@asynccontextmanager
async def consuming(redis: Redis, name: str, recorder: Recorder) -> AsyncIterator[None]:
    consumer = CommandConsumer(redis, name, recorder.handle, recorder.refuse)
    task = asyncio.create_task(consumer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def command(lifetime_ms: int = 20_000) -> RequestQr:
    return RequestQr(
        command_id=new_id(),
        company_id=SESSION,
        issued_at=now_ms(),
        expires_at=now_ms() + lifetime_ms,
    )


async def pending(redis: Redis) -> int:
    return int((await redis.xpending(keys.COMMANDS, keys.COMMANDS_GROUP))["pending"])


async def test_a_command_sent_before_anyone_listens_is_handled(redis: Redis) -> None:
    sent, recorder = command(), Recorder()
    await CommandSender(redis).send(sent)

    async with consuming(redis, "one", recorder):
        await wait_until(lambda: recorder.handled == [sent])
        await settled(redis)


async def test_the_same_command_twice_has_one_effect(redis: Redis) -> None:
    sent, last, recorder = command(), command(), Recorder()
    sender = CommandSender(redis)
    async with consuming(redis, "one", recorder):
        await sender.send(sent)
        await wait_until(lambda: recorder.handled == [sent])
        await settled(redis)
        await sender.send(sent)
        await sender.send(last)
        await wait_until(lambda: last in recorder.handled)
        await settled(redis)

    assert recorder.handled == [sent, last]


async def test_an_expired_command_is_answered_and_never_done(redis: Redis) -> None:
    late, recorder = command(lifetime_ms=-1), Recorder()
    await CommandSender(redis).send(late)

    async with consuming(redis, "one", recorder):
        await wait_until(lambda: recorder.refused == [(late, ErrorCode.COMMAND_EXPIRED)])
        await settled(redis)

    assert not recorder.handled


def order(**fields: Any) -> str:
    about = {"commandId": "c", "companyId": SESSION, "issuedAt": 1, "expiresAt": 10**13}
    return json.dumps({"type": "request-qr", **about, **fields})


RUBBISH: Final = {
    "nothing": "",
    "not JSON": "not json",
    "an empty object": "{}",
    "an array": "[]",
    "unknown type": order(type="no-such"),
    "another type's field missing": order(type="request-pairing-code"),
    "phone with a plus": order(type="request-pairing-code", phoneNumber="+79990000001"),
    "session ../": order(companyId="../company_1001"),
    "session company_01": order(companyId="company_01"),
    "session is a number": order(companyId=1001),
    "no id": order(commandId=""),
    "id of 10 kB": order(commandId="x" * 10_000),
    "id with NUL": order(commandId="a\x00b"),
    "id is an object": order(commandId={}),
    "expires at no time": order(expiresAt="soon"),
    "expires beyond all dates": order(expiresAt=10**30),
    "NUL": f"{order()}\x00",
    "nested": "[" * 100_000,
    "1 MB": "x" * 1_000_000,
}


@pytest.mark.parametrize("payload", RUBBISH.values(), ids=RUBBISH)
async def test_rubbish_goes_to_the_dead_letters_with_one_line_and_stops_nothing(
    redis: Redis, payload: str
) -> None:
    sent, recorder = command(), Recorder()
    await redis.xadd(keys.COMMANDS, {"command": payload})
    await CommandSender(redis).send(sent)

    with structlog.testing.capture_logs() as logs:
        async with consuming(redis, "one", recorder):
            await wait_until(lambda: recorder.handled == [sent])
            await settled(redis)

    entries: Any = await redis.xrange(keys.COMMANDS_DEAD)
    [(_, buried)] = entries
    assert buried["command"] == payload[: command_streams.BURIED_LENGTH]
    assert [line["event"] for line in logs] == ["bus_command_invalid"]
    assert recorder.refused == []


async def test_what_a_killed_process_left_is_taken_over_until_it_is_hopeless(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_streams, "ABANDONED_AFTER_MS", 1)
    monkeypatch.setattr(command_streams, "READ_BLOCK_MS", 10)
    sent, recorder = command(), Recorder()
    recorder.failing = True
    await CommandSender(redis).send(sent)

    async with consuming(redis, "one", recorder):
        await wait_until(lambda: recorder.refused == [(sent, ErrorCode.INTERNAL_ERROR)])
        await settled(redis)

    assert await redis.xlen(keys.COMMANDS_DEAD) == 1


class Slow(Recorder):
    """Does not come to an end before it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end = asyncio.Event()

    async def handle(self, command: Command) -> None:
        await super().handle(command)
        await self.may_end.wait()


async def test_the_same_command_twice_at_the_same_instant_has_one_effect(redis: Redis) -> None:
    sent, recorder = command(), Slow()
    async with consuming(redis, "one", recorder):
        for _ in range(3):
            await CommandSender(redis).send(sent)
        await wait_until(lambda: pending_is(redis, 1))
        recorder.may_end.set()
        await settled(redis)

    assert recorder.handled == [sent]


async def test_two_processes_with_the_same_command_have_one_effect(redis: Redis) -> None:
    sent, one, other = command(), Slow(), Slow()
    async with beating(redis, "one"), beating(redis, "other"), consuming(redis, "one", one):
        await CommandSender(redis).send(sent)
        await wait_until(lambda: one.handled == [sent])
        async with consuming(redis, "other", other):
            for _ in range(20):
                await CommandSender(redis).send(sent)
            await wait_until(lambda: pending_is(redis, 1))
            one.may_end.set()
            await settled(redis)

    assert (one.handled, other.handled) == ([sent], [])


async def test_what_a_killed_process_had_in_hand_is_done_by_the_next_and_its_name_goes(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "SILENT_MS", 1)
    monkeypatch.setattr(takeover, "LOOK_EVERY_S", 0)
    monkeypatch.setattr(command_streams, "READ_BLOCK_MS", 10)
    sent, killed, recorder = command(), Slow(), Recorder()
    async with consuming(redis, "killed", killed):
        await CommandSender(redis).send(sent)
        await wait_until(lambda: killed.handled == [sent])

    async with consuming(redis, "next", recorder):
        await wait_until(lambda: recorder.handled == [sent])
        await settled(redis)
        await wait_until(lambda: consumers_are(redis, ["next"]))


async def test_what_was_given_to_a_read_that_was_given_up_is_done_at_once(redis: Redis) -> None:
    """As by a Redis that stood still: it reads what was sent to it when it goes on."""
    sent, recorder = command(), Recorder()
    await redis.xgroup_create(keys.COMMANDS, keys.COMMANDS_GROUP, id="0", mkstream=True)
    await CommandSender(redis).send(sent)
    await redis.xreadgroup(keys.COMMANDS_GROUP, "one", {keys.COMMANDS: ">"})
    assert await pending(redis) == 1

    async with consuming(redis, "one", recorder):
        await wait_until(lambda: recorder.handled == [sent])
        await wait_until(lambda: _nothing_pending(redis))


async def _nothing_pending(redis: Redis) -> bool:
    return await pending(redis) == 0


async def test_what_a_process_that_lives_has_in_hand_stays_there(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "SILENT_MS", 1)
    monkeypatch.setattr(takeover, "LOOK_EVERY_S", 0)
    monkeypatch.setattr(command_streams, "READ_BLOCK_MS", 10)
    sent, later, slow, recorder = command(), command(), Slow(), Recorder()
    async with beating(redis, "slow"):
        async with consuming(redis, "slow", slow):
            await CommandSender(redis).send(sent)
            await wait_until(lambda: slow.handled == [sent])
        async with consuming(redis, "next", recorder):
            await CommandSender(redis).send(later)
            await wait_until(lambda: recorder.handled == [later])
            await wait_until(lambda: pending_is(redis, 1))
        assert await consumers_are(redis, ["next", "slow"])


async def pending_is(redis: Redis, count: int) -> bool:
    return await pending(redis) == count and not await unread(redis)


async def unread(redis: Redis) -> int:
    [group] = await redis.xinfo_groups(keys.COMMANDS)
    return int(group["lag"])


async def consumers_are(redis: Redis, names: list[str]) -> bool:
    consumers = await redis.xinfo_consumers(keys.COMMANDS, keys.COMMANDS_GROUP)
    return sorted(consumer["name"] for consumer in consumers) == names


async def settled(redis: Redis) -> None:
    async def nothing_pending() -> bool:
        return await pending(redis) == 0

    await wait_until(nothing_pending)
