"""Which open connections are asked for an answer, and what becomes of those that give none."""

import asyncio
from collections.abc import AsyncIterator
from typing import Self

import pytest

from shared.errors import ErrorCode
from shared.messages.commands import RequestQr
from shared.messages.events import Connected, Disconnected
from shared.messages.status import Reason, SessionStatus
from tests.support.scripted_lines import (
    ANSWERED,
    NOT_CONNECTED,
    SILENT,
    Held,
    ScriptedClient,
    ScriptedGateway,
    connect,
)
from tests.support.session_stage import Stage, command, running_stage
from tests.support.waiting import wait_until
from whatsapp_service.gateway.events import Heard, KeepAliveLost, SocketLost
from whatsapp_service.sessions import line_watch
from whatsapp_service.sessions.line_watch import LineWatch, WatchTimes
from whatsapp_service.sessions.session import MAILBOX_SIZE

QUICK = WatchTimes(interval_s=0.09, answer_s=0.05)
SLOW = WatchTimes(interval_s=450.0, answer_s=0.05)
"""Asks nobody by itself within a test."""


@pytest.fixture
async def stage(gateway: ScriptedGateway) -> AsyncIterator[Stage]:
    async with running_stage(gateway) as stage:
        yield stage


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one who asks seldom."""
    monkeypatch.setattr(LineWatch, "_look_s", 0.01)


@pytest.fixture
async def client(stage: Stage, gateway: ScriptedGateway) -> ScriptedClient:
    return await connect(stage, gateway)


class Watching:
    def __init__(self, stage: Stage, times: WatchTimes = QUICK) -> None:
        self._watch = LineWatch([stage.session], times)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch.run())
        return self

    @property
    def idle(self) -> bool:
        """Nobody is being asked."""
        return not self._watch._under_way

    async def __aexit__(self, *_: object) -> None:
        assert not self._task.done()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def told_alive(stage: Stage) -> list[bool]:
    return [said.snapshot.socket_alive for said in stage.heard.said]


def reasons(stage: Stage) -> list[str]:
    return [event.reason for event in stage.heard.events(Disconnected)]


async def test_a_line_that_answers_is_asked_again_and_again_and_left_alone(
    stage: Stage, client: ScriptedClient
) -> None:
    async with Watching(stage):
        await wait_until(lambda: client.asked >= 3)

    assert stage.session.line.alive
    assert reasons(stage) == []
    assert not client.closed


async def test_a_line_that_owes_two_answers_is_renewed(
    stage: Stage, client: ScriptedClient, gateway: ScriptedGateway
) -> None:
    client.answers = [SILENT]
    async with Watching(stage):
        await wait_until(lambda: len(stage.heard.events(Connected)) == 2)

    assert (client.asked, client.closed) == (2, True)
    assert reasons(stage) == [Reason.KEEPALIVE_TIMEOUT]
    assert len(gateway.clients) == 2
    assert stage.session.line.alive
    assert stage.session.line.silent_at is not None


async def test_a_line_that_owes_an_answer_is_told_as_not_alive_before_it_is_renewed(
    stage: Stage, client: ScriptedClient
) -> None:
    client.answers = [SILENT, ANSWERED]
    async with Watching(stage):
        await wait_until(lambda: client.asked >= 3)
        await wait_until(lambda: told_alive(stage)[-1])

    assert False in told_alive(stage)[told_alive(stage).index(True) :]
    assert stage.session.state.status is SessionStatus.CONNECTED
    assert reasons(stage) == []
    assert [said.event for said in stage.heard.said if said.event is None]


async def test_a_library_that_has_lost_its_socket_without_a_word_is_connected_anew(
    stage: Stage, client: ScriptedClient
) -> None:
    client.answers = [NOT_CONNECTED]
    async with Watching(stage):
        await wait_until(lambda: len(stage.heard.events(Connected)) == 2)

    assert reasons(stage) == [Reason.SOCKET_LOST]


async def test_a_ping_of_the_library_that_went_unanswered_counts_as_the_first_question(
    stage: Stage, client: ScriptedClient
) -> None:
    client.answers = [SILENT]
    client.deliver(KeepAliveLost())
    assert stage.session.connected
    assert not stage.session.line.alive

    async with Watching(stage, SLOW):
        await wait_until(lambda: len(stage.heard.events(Connected)) == 2)

    assert client.asked == 1
    assert reasons(stage) == [Reason.KEEPALIVE_TIMEOUT]


async def test_a_slow_answer_to_a_ping_of_the_library_breaks_nothing(
    stage: Stage, client: ScriptedClient
) -> None:
    client.deliver(KeepAliveLost())

    async with Watching(stage, SLOW):
        await wait_until(lambda: stage.session.line.alive)

    assert reasons(stage) == []


async def test_whoever_has_just_been_heard_is_not_asked(
    stage: Stage, client: ScriptedClient
) -> None:
    line = stage.session.line
    line.proved_at -= SLOW.interval_s
    client.deliver(Heard(from_phone=True))
    async with Watching(stage, SLOW):
        await wait_until(lambda: stage.heard.said[-1].snapshot.phone_seen)
        assert client.asked == 0

        line.proved_at -= SLOW.interval_s
        await wait_until(lambda: client.asked == 1)


async def test_something_heard_while_an_answer_is_owed_proves_the_line(
    stage: Stage, client: ScriptedClient
) -> None:
    owed = [Held(SILENT) for _ in range(4)]
    client.answers = [*owed]
    async with Watching(stage):
        for asked, answer in enumerate(owed[:-1], 1):
            await wait_until(lambda asked=asked: client.asked == asked)  # type: ignore[misc]
            client.deliver(Heard(from_phone=False))
            answer.let.set()
        await wait_until(lambda: client.asked == len(owed))

    assert reasons(stage) == []


async def test_a_call_that_hangs_in_the_library_keeps_the_session_from_nothing(
    stage: Stage, client: ScriptedClient
) -> None:
    client.answers = [None]
    async with Watching(stage):
        await wait_until(lambda: client.asked == 1)
        asked = command(RequestQr)
        await stage.session.submit(asked)

    assert stage.heard.answers(asked) == [ErrorCode.ALREADY_CONNECTED]


async def test_trouble_with_one_question_ends_no_watch(
    stage: Stage, client: ScriptedClient
) -> None:
    client.answers = [RuntimeError(), ANSWERED]
    async with Watching(stage):
        await wait_until(lambda: client.asked >= 2)

    assert stage.session.connected


async def test_a_socket_that_is_lost_while_an_answer_is_owed_is_the_librarys_to_open(
    stage: Stage, client: ScriptedClient, gateway: ScriptedGateway
) -> None:
    owed = Held(NOT_CONNECTED)
    client.answers = [owed]
    async with Watching(stage) as watching:
        await wait_until(lambda: client.asked == 1)
        client.deliver(SocketLost())
        owed.let.set()
        await wait_until(lambda: watching.idle)

    assert reasons(stage) == [Reason.SOCKET_LOST]
    assert gateway.clients == [client]


async def test_messages_by_the_thousand_take_no_place_in_the_mailbox(
    stage: Stage, client: ScriptedClient
) -> None:
    for _ in range(2 * MAILBOX_SIZE):
        client.deliver(Heard(from_phone=True))

    assert stage.session.waiting == 0
    assert stage.session.line.phone_seen_at is not None


async def test_moments_are_told_when_they_have_moved_on_far_enough(
    stage: Stage, client: ScriptedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Watching(stage, SLOW):
        client.deliver(Heard(from_phone=True))
        await wait_until(lambda: stage.heard.said[-1].snapshot.phone_seen)
        said = len(stage.heard.said)
        client.deliver(Heard(from_phone=True))
        assert not stage.session.line.news(line_watch.TELL_S)

        monkeypatch.setattr(line_watch, "TELL_S", 0.0)
        await asyncio.sleep(0.002)
        client.deliver(Heard(from_phone=True))
        await wait_until(lambda: len(stage.heard.said) > said)

    latest = stage.heard.said[-1]
    assert latest.event is None
    assert latest.keep_qr
    assert latest.keep_code


async def test_a_closed_connection_leaves_no_fact_of_an_open_one(
    stage: Stage, client: ScriptedClient
) -> None:
    client.deliver(Heard(from_phone=True))
    await stage.session.stop()

    snapshot = stage.heard.said[-1].snapshot
    assert (snapshot.logged_in, snapshot.socket_alive, snapshot.connected_since) == (
        False,
        False,
        None,
    )
    assert snapshot.phone_seen is not None
