"""The state machine: every line of its table, and what must never happen."""

import itertools

import pytest

from shared.messages.status import Reason, SessionStatus
from shared.phone import PhoneNumber
from whatsapp_service.sessions.state import (
    CodeOver,
    CodeShown,
    ConnectionLost,
    ConnectionOpened,
    Ended,
    Frozen,
    Happening,
    LinkAsked,
    LinkerGranted,
    LinkFailed,
    LinkQueued,
    LinkRestarted,
    PhoneAccepted,
    QrShown,
    Restored,
    State,
    Thawed,
    advance,
)

PHONE = PhoneNumber("79990000001")
S = SessionStatus

ALL_HAPPENINGS: list[Happening] = [
    LinkAsked(),
    LinkQueued(3),
    LinkerGranted(),
    LinkRestarted(),
    QrShown(),
    CodeShown(),
    CodeOver(),
    PhoneAccepted(PHONE),
    LinkFailed(Reason.LINKER_FAILED),
    Restored(PHONE),
    ConnectionOpened(),
    ConnectionLost(Reason.SOCKET_LOST),
    Ended(S.LOGGED_OUT, Reason.LOGGED_OUT),
    Ended(S.BANNED, Reason.TEMPORARY_BAN, phone=PHONE),
    Frozen(PHONE),
    Frozen(None),
    Thawed(PHONE),
    Thawed(None),
]


def after(*happenings: Happening) -> State:
    state = State()
    for happening in happenings:
        state = advance(state, happening)
    return state


@pytest.mark.parametrize(
    ("happenings", "expected"),
    [
        ([], State(S.IDLE)),
        ([LinkAsked()], State(S.CONNECTING)),
        ([LinkAsked(), LinkQueued(2)], State(S.QUEUED, queue_position=2)),
        ([LinkAsked(), LinkQueued(2), LinkQueued(1)], State(S.QUEUED, queue_position=1)),
        ([LinkAsked(), LinkQueued(1), LinkerGranted()], State(S.CONNECTING)),
        ([LinkAsked(), QrShown()], State(S.QR)),
        ([LinkAsked(), QrShown(), CodeShown(), LinkRestarted()], State(S.CONNECTING)),
        ([LinkAsked(), QrShown(), CodeShown()], State(S.PAIRING)),
        ([LinkAsked(), QrShown(), CodeShown(), CodeOver()], State(S.QR)),
        ([LinkAsked(), QrShown(), PhoneAccepted(PHONE)], State(S.LINKING, phone=PHONE)),
        (
            [LinkAsked(), QrShown(), PhoneAccepted(PHONE), ConnectionOpened()],
            State(S.CONNECTED, phone=PHONE),
        ),
        ([LinkAsked(), LinkFailed(Reason.QR_EXPIRED)], State(S.QR_EXPIRED, Reason.QR_EXPIRED)),
        (
            [LinkAsked(), LinkFailed(Reason.SERVICE_STOPPED)],
            State(S.QR_EXPIRED, Reason.SERVICE_STOPPED),
        ),
        (
            [LinkAsked(), LinkFailed(Reason.CLIENT_OUTDATED)],
            State(S.OUTDATED, Reason.CLIENT_OUTDATED),
        ),
        ([LinkAsked(), LinkFailed(Reason.REFUSED)], State(S.ERROR, Reason.REFUSED)),
        ([Restored(PHONE)], State(S.RECONNECTING, phone=PHONE)),
        ([Restored(PHONE), ConnectionOpened()], State(S.CONNECTED, phone=PHONE)),
        (
            [Restored(PHONE), ConnectionOpened(), ConnectionLost(Reason.SOCKET_LOST)],
            State(S.RECONNECTING, Reason.SOCKET_LOST, PHONE),
        ),
        (
            [Restored(PHONE), ConnectionOpened(), Ended(S.LOGGED_OUT, Reason.LOGGED_OUT)],
            State(S.LOGGED_OUT, Reason.LOGGED_OUT),
        ),
        (
            [Restored(PHONE), Ended(S.BANNED, Reason.TEMPORARY_BAN), Restored(PHONE)],
            State(S.RECONNECTING, phone=PHONE),
        ),
        ([Ended(S.LOGGED_OUT, Reason.LOGGED_OUT), LinkAsked()], State(S.CONNECTING)),
        ([Frozen(None)], State(S.FROZEN, Reason.FROZEN)),
        ([LinkAsked(), QrShown(), LinkFailed(Reason.FROZEN)], State(S.FROZEN, Reason.FROZEN)),
        (
            [Restored(PHONE), ConnectionOpened(), Frozen(PHONE)],
            State(S.FROZEN, Reason.FROZEN, PHONE),
        ),
        (
            [Frozen(PHONE), Ended(S.BANNED, Reason.TEMPORARY_BAN)],
            State(S.FROZEN, Reason.FROZEN, PHONE),
        ),
        ([Frozen(PHONE), Ended(S.LOGGED_OUT, Reason.UNLINKED)], State(S.FROZEN, Reason.FROZEN)),
        ([Frozen(PHONE), Thawed(PHONE)], State(S.RECONNECTING, phone=PHONE)),
        ([Frozen(PHONE), Thawed(None)], State(S.IDLE)),
        (
            [Restored(PHONE), Ended(S.REPLACED, Reason.REPLACED, phone=PHONE)],
            State(S.REPLACED, Reason.REPLACED, PHONE),
        ),
        (
            [Ended(S.BANNED, Reason.TEMPORARY_BAN, phone=PHONE), ConnectionOpened()],
            State(S.BANNED, Reason.TEMPORARY_BAN, PHONE),
        ),
        (
            [Ended(S.LOGGED_OUT, Reason.REFUSED, phone=PHONE), LinkAsked(), ConnectionOpened()],
            State(S.CONNECTING),
        ),
        (
            [Frozen(PHONE), Ended(S.LOGGED_OUT, Reason.REFUSED, phone=PHONE)],
            State(S.FROZEN, Reason.FROZEN, PHONE),
        ),
        (
            [Restored(PHONE), ConnectionOpened(), Thawed(PHONE)],
            State(S.CONNECTED, phone=PHONE),
        ),
    ],
)
def test_a_path_leads_to_its_state(happenings: list[Happening], expected: State) -> None:
    assert after(*happenings) == expected


def test_a_new_qr_never_hides_a_running_code() -> None:
    state = after(LinkAsked(), QrShown(), CodeShown(), QrShown(), QrShown())

    assert state.status is S.PAIRING


def test_asking_again_disturbs_neither_an_attempt_nor_a_connection() -> None:
    for status in (S.QUEUED, S.CONNECTING, S.QR, S.PAIRING):
        assert advance(State(status), LinkAsked()) == State(status)
    for status in (S.LINKING, S.CONNECTED, S.RECONNECTING):
        assert advance(State(status, phone=PHONE), LinkAsked()) == State(status, phone=PHONE)


def reachable() -> set[State]:
    found, fresh = {State()}, {State()}
    while fresh:
        fresh = {
            advance(state, happening)
            for state, happening in itertools.product(fresh, ALL_HAPPENINGS)
        } - found
        found |= fresh
    return found


def test_connected_comes_only_from_an_opened_connection() -> None:
    for state, happening in itertools.product(reachable(), ALL_HAPPENINGS):
        before, now = state.status, advance(state, happening).status
        if now is S.CONNECTED and before is not S.CONNECTED:
            assert isinstance(happening, ConnectionOpened)


def test_a_connected_session_always_knows_its_number() -> None:
    for state in reachable():
        if state.status in {S.CONNECTED, S.RECONNECTING, S.LINKING}:
            assert state.phone == PHONE
        elif state.status not in {S.FROZEN, S.BANNED}:
            assert state.phone is None


def test_only_a_thaw_ends_a_freeze() -> None:
    frozen = [state for state in reachable() if state.status is S.FROZEN]
    assert {state.phone for state in frozen} == {PHONE, None}
    for state, happening in itertools.product(frozen, ALL_HAPPENINGS):
        if not isinstance(happening, Thawed):
            assert advance(state, happening).status is S.FROZEN


def test_a_place_in_the_queue_is_there_only_while_queued() -> None:
    for state in reachable():
        assert (state.queue_position is not None) == (state.status is S.QUEUED)


def test_every_status_can_be_reached_and_left() -> None:
    states = reachable() | {advance(State(), Ended(status, Reason.REPLACED)) for status in S}
    for status in set(S) - {S.IDLE}:
        of_status = [state for state in states if state.status is status]
        assert of_status
        assert any(
            advance(state, happening).status is not status
            for state, happening in itertools.product(of_status, ALL_HAPPENINGS)
        )
