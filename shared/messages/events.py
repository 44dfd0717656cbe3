"""Events: past tense, published by a session's owner, handled by anyone.

Durable events go to the log and must arrive; the others are news of the moment, and the snapshot
covers for one that was missed. ``qr`` and ``pairing-code`` are secrets and never enter the log.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter, ValidationError

from shared.clock import now_ms
from shared.errors import AppError, ErrorCode
from shared.messages.envelope import (
    EpochMs,
    Identifier,
    PhoneDigits,
    SessionIdField,
    WireModel,
    new_id,
)
from shared.messages.liveness import Liveness
from shared.messages.status import SessionStatus


class _Announced(WireModel):
    timestamp: EpochMs = Field(default_factory=now_ms)


class SessionEvent(_Announced):
    """About one salon's session. ``epoch`` tells a stale owner from the present one."""

    durable: ClassVar[bool] = False

    company_id: SessionIdField
    event_id: Identifier = Field(default_factory=new_id)
    epoch: int = Field(default=1, ge=1)
    stream_id: Annotated[str, Field(pattern=r"^[0-9]{1,18}-[0-9]{1,18}$")] | None = None


class Connected(SessionEvent):
    durable = True
    type: Literal["connected"] = "connected"
    phone_number: PhoneDigits


class Disconnected(SessionEvent):
    durable = True
    type: Literal["disconnected"] = "disconnected"
    reason: Identifier


class Logout(SessionEvent):
    durable = True
    type: Literal["logout"] = "logout"
    reason: Identifier | None = None


class Qr(SessionEvent):
    """``expires_in`` is what the page shows, in seconds; ``expires_at`` is the same as a moment."""

    type: Literal["qr"] = "qr"
    qr: Annotated[str, Field(min_length=1, max_length=2000)]
    expires_in: int = Field(ge=0)
    expires_at: EpochMs


class PairingCode(SessionEvent):
    type: Literal["pairing-code"] = "pairing-code"
    code: Annotated[str, Field(pattern=r"^[1-9A-HJ-NP-TV-Z]{4}-[1-9A-HJ-NP-TV-Z]{4}$")]
    phone_number: PhoneDigits
    expires_in: int = Field(ge=0)
    expires_at: EpochMs
    command_id: Identifier | None = None


class PairingCodeError(SessionEvent):
    type: Literal["pairing-code-error"] = "pairing-code-error"
    code: ErrorCode
    command_id: Identifier | None = None


class StatusChanged(SessionEvent, Liveness):
    """``queue_position`` counts from 1 and is there only while the session is queued.

    ``retry_at``: nothing is tried before that.
    """

    type: Literal["status"] = "status"
    status: SessionStatus
    reason: Identifier | None = None
    phone_number: PhoneDigits | None = None
    queue_position: int | None = Field(default=None, ge=1)
    retry_at: EpochMs | None = None


class CommandResult(SessionEvent):
    type: Literal["command-result"] = "command-result"
    command_id: Identifier
    success: bool
    code: ErrorCode | None = None


class Ping(_Announced):
    type: Literal["ping"] = "ping"
    test_id: Identifier


class Pong(_Announced):
    """``store_answers``: the credential store, when its process last looked."""

    type: Literal["pong"] = "pong"
    test_id: Identifier
    service: Literal["whatsapp-service"] = "whatsapp-service"
    process_id: Identifier
    store_answers: bool | None = None


AnySessionEvent = (
    Connected
    | Disconnected
    | Logout
    | Qr
    | PairingCode
    | PairingCodeError
    | StatusChanged
    | CommandResult
)
Event = AnySessionEvent | Ping

_EVENTS: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


def decode_event(payload: str | bytes) -> Event:
    """Raises AppError(INVALID_MESSAGE) with the kind of fault; never with the payload itself."""
    try:
        return _EVENTS.validate_json(payload)
    except ValidationError as error:
        raise AppError(ErrorCode.INVALID_MESSAGE, fault=fault_of(error)) from None


def decode_pong(payload: str | bytes) -> Pong:
    """Raises AppError(INVALID_MESSAGE)."""
    try:
        return Pong.model_validate_json(payload)
    except ValidationError as error:
        raise AppError(ErrorCode.INVALID_MESSAGE, fault=fault_of(error)) from None


def fault_of(error: ValidationError) -> str:
    """Name the first fault by kind and place; values may be secret and stay out."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "union_tag_invalid":
        return f"unknown type {first['ctx']['tag'][:40]!r}"
    place = ".".join(str(part) for part in first["loc"])
    return f"{first['type']} at {place or 'the top'}"
