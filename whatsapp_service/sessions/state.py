"""The pure state machine of a session: no I/O, no clock, no library.

``advance(state, happening)`` gives the next state. A happening that means nothing in a state (a
late QR after the link is done, say) leaves the state as it is: the outside world is free to be
late, and nothing raised ever ends a session.
"""

from dataclasses import dataclass, replace
from typing import Final

from shared.messages.status import Reason, SessionStatus
from shared.phone import PhoneNumber

LINKING: Final = frozenset(
    {
        SessionStatus.QUEUED,
        SessionStatus.CONNECTING,
        SessionStatus.QR,
        SessionStatus.PAIRING,
        SessionStatus.LINKING,
    }
)
"""Statuses in which a link attempt may be under way."""

LINKED: Final = frozenset({SessionStatus.CONNECTED, SessionStatus.RECONNECTING})


@dataclass(frozen=True, slots=True)
class State:
    """``phone`` is the linked account's number, as long as the salon has a device.

    So from the moment the phone has accepted, and also when there will be no connection any more.
    ``retry_at``: milliseconds since the epoch, while nothing is tried before that.
    """

    status: SessionStatus = SessionStatus.IDLE
    reason: Reason | None = None
    phone: PhoneNumber | None = None
    queue_position: int | None = None
    retry_at: int | None = None


@dataclass(frozen=True, slots=True)
class LinkAsked:
    """Somebody wants to link this salon."""


@dataclass(frozen=True, slots=True)
class LinkQueued:
    position: int


@dataclass(frozen=True, slots=True)
class LinkerGranted:
    """A linker works for this session."""


@dataclass(frozen=True, slots=True)
class LinkRestarted:
    """The attempt goes on with a fresh connection; what was shown is void."""


@dataclass(frozen=True, slots=True)
class QrShown:
    """A QR is live."""


@dataclass(frozen=True, slots=True)
class CodeShown:
    """A pairing code is live."""


@dataclass(frozen=True, slots=True)
class CodeOver:
    """The pairing code has expired; the QR beside it may still live."""


@dataclass(frozen=True, slots=True)
class PhoneAccepted:
    phone: PhoneNumber


@dataclass(frozen=True, slots=True)
class LinkFailed:
    reason: Reason


@dataclass(frozen=True, slots=True)
class Restored:
    """Credentials are in the store from an earlier life of the process."""

    phone: PhoneNumber


@dataclass(frozen=True, slots=True)
class ConnectionOpened:
    """Open and logged in."""


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """``retry_at``: when it is tried again, in milliseconds since the epoch, if that is far off."""

    reason: Reason
    retry_at: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """No connection for now; ``retry_at`` as above, or for good.

    ``phone`` is that of the device it keeps, if it has one.
    """

    status: SessionStatus
    reason: Reason
    retry_at: int | None = None
    phone: PhoneNumber | None = None


@dataclass(frozen=True, slots=True)
class Frozen:
    """No connection until it is thawed. ``phone`` is that of the device it keeps, if it has one."""

    phone: PhoneNumber | None


@dataclass(frozen=True, slots=True)
class Thawed:
    """``phone`` is that of its device: the connection is to be opened again."""

    phone: PhoneNumber | None


Happening = (
    LinkAsked
    | LinkQueued
    | LinkerGranted
    | LinkRestarted
    | QrShown
    | CodeShown
    | CodeOver
    | PhoneAccepted
    | LinkFailed
    | Restored
    | ConnectionOpened
    | ConnectionLost
    | Ended
    | Frozen
    | Thawed
)


def advance(state: State, happening: Happening) -> State:  # noqa: C901, PLR0911, PLR0912 - one flat table
    match happening:
        case Frozen(phone):
            return State(SessionStatus.FROZEN, Reason.FROZEN, phone)
        case _ if state.status is SessionStatus.FROZEN:
            return _while_frozen(state, happening)
        case LinkAsked() if state.status not in LINKING | LINKED:
            return State(SessionStatus.CONNECTING)
        case LinkQueued(position) if _waiting(state):
            return State(SessionStatus.QUEUED, queue_position=position)
        case LinkerGranted() if _waiting(state):
            return State(SessionStatus.CONNECTING)
        case LinkRestarted() if _before_acceptance(state):
            return State(SessionStatus.CONNECTING)
        case QrShown() if _before_acceptance(state) and state.status is not SessionStatus.PAIRING:
            return State(SessionStatus.QR)
        case CodeShown() if _before_acceptance(state):
            return State(SessionStatus.PAIRING)
        case CodeOver() if state.status is SessionStatus.PAIRING:
            return State(SessionStatus.QR)
        case PhoneAccepted(phone) if _before_acceptance(state):
            return State(SessionStatus.LINKING, phone=phone)
        case LinkFailed(reason) if state.status in LINKING:
            return State(_status_of_failure(reason), reason)
        case Restored(phone) if state.status not in LINKING | LINKED:
            return State(SessionStatus.RECONNECTING, phone=phone)
        case ConnectionOpened() if state.status in LINKING | LINKED and state.phone is not None:
            return State(SessionStatus.CONNECTED, phone=state.phone)
        case ConnectionLost(reason, retry_at) if state.status in LINKED:
            return State(SessionStatus.RECONNECTING, reason, state.phone, retry_at=retry_at)
        case ConnectionLost(reason) if state.status is SessionStatus.LINKING:
            return replace(state, reason=reason)
        case Ended(status, reason, retry_at, phone):
            return State(status, reason, phone, retry_at=retry_at)
        case _:
            return state


def _while_frozen(state: State, happening: Happening) -> State:
    """Only a thaw ends it; a salon that is unlinked meanwhile has no number any more."""
    match happening:
        case Thawed(None):
            return State()
        case Thawed(phone):
            return State(SessionStatus.RECONNECTING, phone=phone)
        case Ended(SessionStatus.LOGGED_OUT, phone=phone):
            return replace(state, phone=phone)
        case _:
            return state


def _waiting(state: State) -> bool:
    return state.status in {SessionStatus.CONNECTING, SessionStatus.QUEUED} and state.phone is None


def _before_acceptance(state: State) -> bool:
    return state.status in LINKING and state.phone is None


def _status_of_failure(reason: Reason) -> SessionStatus:
    if reason in {Reason.QR_EXPIRED, Reason.SERVICE_STOPPED}:
        return SessionStatus.QR_EXPIRED
    if reason is Reason.CLIENT_OUTDATED:
        return SessionStatus.OUTDATED
    if reason is Reason.UNLINKED:
        return SessionStatus.LOGGED_OUT
    if reason is Reason.FROZEN:
        return SessionStatus.FROZEN
    return SessionStatus.ERROR
