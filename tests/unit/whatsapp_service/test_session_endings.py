"""What a session does about an end, on hand-made rows and connections."""

import asyncio
import time
from functools import partial

import pytest

from shared.endings import ENDINGS, Ending
from shared.errors import ErrorCode
from shared.messages.commands import Freeze, Thaw, Unlink
from shared.messages.events import StatusChanged
from shared.messages.status import Reason, SessionStatus
from tests.support.scripted_lines import ScriptedGateway, connect
from tests.support.session_stage import JID, SALON, Stage, command
from tests.support.waiting import wait_until
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.gateway.events import (
    Banned,
    GatewayEvent,
    LoggedOut,
    OpenFailed,
    Outdated,
    Refused,
    Replaced,
    SocketLost,
)
from whatsapp_service.sessions import discarding, retrying, unlink_desk
from whatsapp_service.sessions.connection import AFTER_BAN_S
from whatsapp_service.sessions.discarding import discard
from whatsapp_service.sessions.standing import Standing
from whatsapp_service.sessions.state import ConnectionLost
from whatsapp_service.store.sessions import StoredSession


async def ends(stage: Stage, gateway: ScriptedGateway, event: GatewayEvent) -> None:
    client = await connect(stage, gateway)
    client.deliver(event)
    await wait_until(lambda: not stage.session.connected)


def remaining_s(stage: Stage) -> float | None:
    return stage.session.timers.remaining_s("reopen")


@pytest.mark.parametrize(
    ("event", "reason", "retried"),
    [
        (Banned(expires_in_s=7_200), Reason.TEMPORARY_BAN, 7_200),
        (Banned(expires_in_s=0), Reason.TEMPORARY_BAN, retrying.UNKNOWN_BAN_S),
        (Outdated(), Reason.CLIENT_OUTDATED, retrying.HOURLY_S),
        (Replaced(), Reason.REPLACED, None),
        (LoggedOut(on_connect=False), Reason.DEVICE_REMOVED, None),
        (OpenFailed(None, unreadable=True), Reason.CREDENTIALS_BROKEN, retrying.HOURLY_S),
    ],
)
async def test_an_end_is_told_with_the_moment_of_the_next_try(
    scripted: Stage,
    gateway: ScriptedGateway,
    event: GatewayEvent,
    reason: Reason,
    retried: float | None,
) -> None:
    began_s, now_s = time.time(), asyncio.get_running_loop().time
    due_after_s = now_s() + (retried or 0)

    await ends(scripted, gateway, event)

    state = scripted.session.state
    assert (state.status, state.reason) == (ENDINGS[reason].status, reason)
    if retried is None:
        assert (state.retry_at, remaining_s(scripted)) == (None, None)
    else:
        assert began_s - 1 < (state.retry_at or 0) / 1000 - retried < time.time() + 1
        left_s = remaining_s(scripted) or 0
        assert left_s <= retried + AFTER_BAN_S
        assert now_s() + left_s >= due_after_s
    assert (scripted.session.device is None) != ENDINGS[reason].keeps_device


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=lambda it: it.reason)
async def test_the_number_is_told_as_long_as_there_is_a_device(
    scripted: Stage, gateway: ScriptedGateway, ending: Ending
) -> None:
    """In every row of the table; it is what makes a salon `linked` in health."""
    await connect(scripted, gateway)
    session = scripted.session
    if ending.status is SessionStatus.RECONNECTING:
        session.apply(ConnectionLost(ending.reason))
    elif ending.status is SessionStatus.FROZEN:
        await session.submit(command(Freeze))
    else:
        session.post(partial(session.connection.end, ending.reason))
        await wait_until(lambda: session.state.reason is ending.reason)

    told = scripted.heard.said[-1].snapshot

    assert (told.status, told.reason) == (ending.status, ending.reason)
    assert told.phone_number == (DeviceJid.parse(JID).phone if ending.keeps_device else None)


async def test_a_refusal_is_tried_again_before_it_ends_the_link(
    scripted: Stage, gateway: ScriptedGateway
) -> None:
    await ends(scripted, gateway, Refused(7))

    state = scripted.session.state
    assert (state.status, state.reason) == (SessionStatus.RECONNECTING, Reason.REFUSED)
    assert (remaining_s(scripted) or 0) < 5


async def test_a_connection_that_is_given_up_is_not_told_as_logged_in(
    scripted: Stage, gateway: ScriptedGateway
) -> None:
    client = await connect(scripted, gateway)

    assert scripted.session.connection.renew(client, Reason.ROUTE_CHANGED)
    await wait_until(lambda: len(gateway.clients) == 2 and scripted.session.connected)

    [given_up] = [
        it for it in scripted.heard.events(StatusChanged) if it.reason == Reason.ROUTE_CHANGED
    ]
    assert (given_up.logged_in, given_up.socket_alive, given_up.connected_since) == (
        False,
        False,
        None,
    )


async def test_a_login_that_nobody_answers_is_given_up(
    scripted: Stage, gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "LIBRARY_RETRIES_S", 0.05)

    await ends(scripted, gateway, SocketLost())

    await wait_until(lambda: scripted.session.state.reason is Reason.WHATSAPP_UNREACHABLE)
    assert gateway.clients[0].closed


@pytest.mark.parametrize("event", [Banned(expires_in_s=7_200), Replaced()])
async def test_neither_a_thaw_nor_a_timer_opens_what_is_to_stay_closed(
    scripted: Stage, gateway: ScriptedGateway, event: GatewayEvent
) -> None:
    await ends(scripted, gateway, event)
    ended = scripted.session.state
    frozen, thawed = command(Freeze), command(Thaw)

    await scripted.session.submit(frozen)
    await scripted.session.submit(thawed)
    await wait_until(lambda: scripted.session.state == ended)
    scripted.session.connection.reopen_in(0)
    await wait_until(lambda: scripted.session.waiting == 0)

    assert scripted.heard.answers(thawed) == [None]
    assert scripted.session.state == ended
    assert len(gateway.clients) == 1


async def test_unlinking_opens_it_and_when_that_fails_it_is_closed_again(
    scripted: Stage, gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlink_desk, "REOPEN_S", 0.02)
    await ends(scripted, gateway, Replaced())
    asked = command(Unlink)

    await scripted.session.submit(asked)

    assert scripted.heard.answers(asked) == [ErrorCode.UNLINK_FAILED]
    assert len(gateway.clients) == 2
    await wait_until(lambda: gateway.clients[-1].closed)
    assert scripted.session.state.status is SessionStatus.REPLACED
    assert len(gateway.clients) == 2


@pytest.mark.parametrize(
    ("reason", "retry_in_s", "left"),
    [
        (Reason.REPLACED, None, "for good"),
        (Reason.TEMPORARY_BAN, 60.0, "a minute"),
        (Reason.TEMPORARY_BAN, -5.0, "over"),
        (Reason.CLIENT_OUTDATED, 60.0, "nothing"),
        (Reason.DEVICE_REMOVED, None, "nothing"),
        ("a_reason_of_tomorrow", None, "nothing"),
        (None, None, "nothing"),
    ],
)
def test_what_a_row_says_of_an_earlier_life(
    reason: str | None, retry_in_s: float | None, left: str
) -> None:
    standing = Standing.stored(
        StoredSession(SALON, JID, frozen=False, reason=reason, retry_in_s=retry_in_s)
    )

    if left == "nothing":
        assert standing is None
        return
    assert standing is not None
    assert standing.over == (left == "over")
    assert (standing.left_s is None) == (left == "for good")


async def test_credentials_of_the_device_before_go_as_soon_as_the_store_is_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discarding, "AGAIN_S", 0.02)
    stage.rows.credentials_away = True
    device = DeviceJid.parse(JID)
    await discard(stage.session, device)
    assert stage.session.timers

    stage.rows.credentials_away = False

    await wait_until(lambda: stage.rows.deleted == [JID])
    assert not stage.session.timers
    assert stage.heard.events(StatusChanged) == []
