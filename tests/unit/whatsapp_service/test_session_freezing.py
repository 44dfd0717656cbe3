"""Freezing and thawing meet everything else that a session may be at."""

import asyncio

import pytest

from shared.errors import ErrorCode
from shared.messages.commands import Freeze, RequestPairingCode, RequestQr, Thaw, Unlink
from shared.messages.events import Logout, PairingCodeError, StatusChanged
from shared.messages.status import Reason, SessionStatus
from tests.support.session_stage import JID, Stage, command
from tests.support.waiting import PATIENCE_S, wait_until
from whatsapp_service.gateway.linked_client import LinkedClient, LogOutFailedError
from whatsapp_service.sessions import retrying, unlink_desk
from whatsapp_service.sessions.state import State

PHONE = "79990000001"


def frozen(phone: str | None = PHONE) -> State:
    return State(SessionStatus.FROZEN, Reason.FROZEN, phone)  # type: ignore[arg-type]  # as digits


async def test_whoever_waits_for_a_code_is_told_of_the_freeze(stage: Stage) -> None:
    asked, freeze = command(RequestPairingCode, phone_number=PHONE), command(Freeze)
    waiting = asyncio.create_task(stage.session.submit(asked))
    await wait_until(lambda: stage.attempts == 1)

    await stage.session.submit(freeze)

    await asyncio.wait_for(waiting, PATIENCE_S)
    assert stage.heard.answers(asked) == [ErrorCode.SALON_FROZEN]
    [told] = stage.heard.events(PairingCodeError)
    assert told.code is ErrorCode.SALON_FROZEN
    assert stage.heard.answers(freeze) == [None]
    assert stage.session.state == frozen(None)
    assert not stage.session.timers
    assert not stage.session.retirable


async def test_a_ban_that_ends_meanwhile_opens_nothing(stage: Stage) -> None:
    await stage.banned()

    await stage.session.submit(command(Freeze))

    assert stage.session.state == frozen()
    assert not stage.session.timers
    stage.session.connection.reopen_in(0)
    await wait_until(lambda: not stage.session.timers and not stage.session.waiting)
    assert stage.session.state == frozen()
    assert stage.rows.ended == []
    await stage.session.submit(command(Thaw))
    await wait_until(lambda: stage.rows.ended == [Reason.CREDENTIALS_MISSING])


@pytest.mark.parametrize("kind", [Freeze, Thaw])
async def test_without_postgres_nothing_changes_and_the_caller_may_try_again(
    kind: type[Freeze | Thaw], stage: Stage
) -> None:
    await stage.banned()
    before = stage.session.state
    stage.rows.away = True
    asked, late = command(kind), command(kind, lives_ms=0)

    await stage.session.submit(asked)
    await stage.session.submit(late)

    assert stage.heard.answers(asked) == [ErrorCode.SERVICE_UNAVAILABLE]
    assert stage.heard.answers(late) == [ErrorCode.COMMAND_EXPIRED]
    assert stage.session.state == before
    assert stage.session.timers


async def test_an_unlinking_under_way_goes_on_and_leaves_the_salon_frozen(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "STORE_RETRY_S", 0.05)
    await stage.banned()
    stage.rows.credentials_away = True
    asked = command(Unlink)
    unlinking = asyncio.create_task(stage.session.submit(asked))
    await wait_until(lambda: stage.session.timers.remaining_s("reopen") is not None)

    await stage.session.submit(command(Freeze))

    assert stage.session.state == frozen()
    assert stage.session.unlinking.wanted
    stage.rows.credentials_away = False
    await asyncio.wait_for(unlinking, PATIENCE_S)
    assert stage.heard.answers(asked) == [None]
    assert [told.reason for told in stage.heard.events(Logout)] == [Reason.UNLINKED]
    assert stage.session.state == frozen(None)
    assert not stage.session.timers


class Stubborn(LinkedClient):
    """An open connection on which WhatsApp does not let the device go."""

    def __init__(self) -> None:
        self.closed = False

    async def log_out(self) -> None:
        raise LogOutFailedError

    async def close(self) -> None:
        self.closed = True


async def test_a_frozen_salon_that_whatsapp_does_not_unlink_is_closed_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlink_desk, "REOPEN_S", 0.01)
    await stage.banned()
    await stage.session.submit(command(Freeze))
    client, asked = Stubborn(), command(Unlink)
    stage.session.connection.client = client
    unlinking = asyncio.create_task(stage.session.submit(asked))
    await wait_until(lambda: stage.session.unlinking.wanted)

    stage.session.post(stage.session.unlinking.on_opened)

    await asyncio.wait_for(unlinking, PATIENCE_S)
    assert stage.heard.answers(asked) == [ErrorCode.UNLINK_FAILED]
    await wait_until(lambda: client.closed)
    assert stage.session.state == frozen()
    assert not stage.session.timers


async def test_a_device_that_is_found_later_stays_closed(stage: Stage) -> None:
    await stage.session.submit(command(Freeze))
    stage.rows.jid = JID

    stage.session.recall()

    await wait_until(lambda: stage.session.device is not None)
    assert stage.session.state == frozen()
    assert stage.rows.ended == []


async def test_a_salon_of_which_nothing_was_known_can_be_thawed(stage: Stage) -> None:
    stage.rows.frozen = True
    asked = command(RequestQr)
    await stage.session.submit(asked)
    assert stage.heard.answers(asked) == [ErrorCode.SALON_FROZEN]

    await stage.session.submit(command(Thaw))
    await stage.session.submit(command(Thaw))

    assert stage.session.state == State()
    assert stage.session.retirable
    assert stage.heard.said[-1].snapshot.status is SessionStatus.IDLE


async def test_a_frozen_salon_that_is_restored_is_told_once_with_its_number(stage: Stage) -> None:
    stage.rows.frozen, stage.rows.jid = True, JID

    stage.session.recall()

    await wait_until(lambda: stage.session.recalled)
    assert [told.phone_number for told in stage.heard.events(StatusChanged)] == [PHONE]
    assert stage.session.state == frozen()
