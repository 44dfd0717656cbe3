"""What pages are told: pure mapping of events and state to Socket.IO payloads, texts included.

Times are milliseconds since the epoch and durations seconds; ``serverTime`` rides in every payload
so that a page can tell how far its own clock is off.
"""

from typing import Any, Final

from api_service.core.linking import seconds_left
from api_service.realtime.qr_image import qr_data_uri
from shared.bus.snapshots import PresentState
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.endings import ENDINGS
from shared.errors import AppError, ErrorCode
from shared.failures import failure_code, known_reason
from shared.messages.events import (
    AnySessionEvent,
    Connected,
    Disconnected,
    Logout,
    PairingCode,
    PairingCodeError,
    Qr,
    StatusChanged,
)
from shared.messages.status import Reason, SessionStatus
from shared.texts import CONNECTED_MESSAGE, activation_text, error_text, status_text

Payload = dict[str, Any]
Told = tuple[str, Payload]
"""An event's name and its payload."""

DOCUMENTED_CODE_ERRORS: Final = frozenset(
    {
        ErrorCode.PHONE_REQUIRED,
        ErrorCode.INVALID_PHONE_FORMAT,
        ErrorCode.REQUEST_IN_PROGRESS,
        ErrorCode.RATE_LIMITED,
        ErrorCode.PAIRING_CODE_FAILED,
        ErrorCode.BAILEYS_ERROR,
    }
)


def of_event(event: AnySessionEvent) -> Told | None:  # noqa: PLR0911 - one flat table
    """None for an event that is no page's business."""
    match event:
        case Connected():
            return connected(event.company_id, event.phone_number)
        case Disconnected() | Logout() if _status_follows(event):
            return None
        case Disconnected():
            known = known_reason(event.reason)
            after = ENDINGS[known].status if known in ENDINGS else SessionStatus.RECONNECTING
            return status(after, event.reason)
        case Logout():
            return status(SessionStatus.LOGGED_OUT, event.reason)
        case Qr():
            return qr_update(event.qr, event.expires_at)
        case PairingCode():
            return pairing_code(event.code, event.phone_number, event.expires_at)
        case PairingCodeError() if event.code is not ErrorCode.ALREADY_CONNECTED:
            return pairing_code_error(AppError(event.code))
        case StatusChanged():
            return status(
                event.status,
                event.reason,
                event.phone_number,
                queue_position=event.queue_position,
                retry_at=event.retry_at,
            )
        case _:
            return None


def _status_follows(event: AnySessionEvent) -> bool:
    """Whoever numbers events also says each status; writers of the old contract do neither."""
    return "event_id" in event.model_fields_set


def of_present_state(session_id: SessionId, state: PresentState) -> list[Told]:
    """Everything that a page needs which knows nothing yet: the status, then what is live."""
    snapshot = state.snapshot
    if snapshot is None:
        return [status(SessionStatus.IDLE)]
    told = [
        status(
            snapshot.status,
            snapshot.reason,
            snapshot.phone_number,
            queue_position=snapshot.queue_position,
            retry_at=snapshot.retry_at,
        )
    ]
    if state.qr is not None and state.qr.expires_at > now_ms():
        told.append(qr_update(state.qr.qr, state.qr.expires_at))
    if state.code is not None and state.code.expires_at > now_ms():
        code = state.code
        told.append(pairing_code(code.code, code.phone_number, code.expires_at))
    if snapshot.connected and snapshot.phone_number is not None:
        told.append(connected(session_id, snapshot.phone_number))
    return told


def status(
    value: SessionStatus,
    reason: str | None = None,
    phone: str | None = None,
    *,
    queue_position: int | None = None,
    retry_at: int | None = None,
) -> Told:
    text = status_text(value, known_reason(reason))
    code = failure_code(value, reason)
    return "status", _stamped(
        status=value.value,
        message=text.message,
        nextStep=text.next_step,
        reason=reason,
        code=code.value if code else None,
        phone=phone,
        queuePosition=queue_position,
        retryAt=retry_at,
    )


def uninstalled() -> Told:
    """For a page whose salon has left, whatever its session says last: a thawed one, `idle`."""
    return status(SessionStatus.LOGGED_OUT, Reason.UNINSTALLED)


def qr_update(text: str, expires_at: int) -> Told:
    return "qr-update", _stamped(
        qr=text,
        image=qr_data_uri(text),
        expiresIn=seconds_left(expires_at),
        expiresAt=expires_at,
    )


def pairing_code(code: str, phone: str, expires_at: int) -> Told:
    return "pairing-code", _stamped(
        code=code, phoneNumber=phone, expiresIn=seconds_left(expires_at), expiresAt=expires_at
    )


def pairing_code_error(failure: AppError) -> Told:
    """``code`` is always a documented one; ``cause`` names a finer one, whose text is shown."""
    documented = failure.code in DOCUMENTED_CODE_ERRORS
    text = error_text(failure.code)
    return "pairing-code-error", _stamped(
        message=text.message,
        code=(failure.code if documented else ErrorCode.PAIRING_CODE_FAILED).value,
        nextStep=text.next_step,
        cause=None if documented else failure.code.value,
        retryAfter=failure.context.get("retry_after"),
    )


def connected(session_id: SessionId, phone: str) -> Told:
    return "whatsapp-connected", _stamped(
        success=True, phone=phone, sessionId=session_id, message=CONNECTED_MESSAGE
    )


def activation(integration_status: str) -> Told:
    text = activation_text(integration_status)
    return "activation", _stamped(
        status=integration_status, message=text.message, nextStep=text.next_step
    )


def error(failure: AppError) -> Told:
    text = error_text(failure.code)
    return "error", _stamped(
        message=text.message,
        code=failure.code.value,
        nextStep=text.next_step,
        retryAfter=failure.context.get("retry_after"),
    )


def _stamped(**fields: Any) -> Payload:
    """Without absent fields, with the server's clock."""
    return {
        **{name: value for name, value in fields.items() if value is not None},
        "serverTime": now_ms(),
    }
