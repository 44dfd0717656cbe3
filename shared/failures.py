"""Which stable error code stands for a status and its reason."""

from typing import Final

from shared.errors import ErrorCode
from shared.messages.status import Reason, SessionStatus

_BY_REASON: Final = {
    Reason.LINKER_FAILED: ErrorCode.LINKER_FAILED,
    Reason.LINKER_QUEUE_FULL: ErrorCode.LINKER_QUEUE_FULL,
    Reason.WHATSAPP_UNREACHABLE: ErrorCode.WHATSAPP_UNREACHABLE,
    Reason.CLIENT_OUTDATED: ErrorCode.CLIENT_OUTDATED,
    Reason.REFUSED: ErrorCode.LINK_REFUSED,
    Reason.PROXY_UNREACHABLE: ErrorCode.PROXY_UNREACHABLE,
    Reason.PASSKEY_REQUIRED: ErrorCode.PASSKEY_REQUIRED,
    Reason.STORE_UNAVAILABLE: ErrorCode.SERVICE_UNAVAILABLE,
    Reason.OWNER_LOST: ErrorCode.SERVICE_UNAVAILABLE,
    Reason.FROZEN: ErrorCode.SALON_FROZEN,
}


LINK_ERRORS: Final = frozenset({*_BY_REASON.values(), ErrorCode.LINKER_FAILED})
"""Every code by which a link attempt may fail."""


def code_of(reason: Reason) -> ErrorCode:
    """Of a link attempt that has failed."""
    return _BY_REASON.get(reason, ErrorCode.LINKER_FAILED)


def failure_code(status: SessionStatus, reason: str | None) -> ErrorCode | None:
    """None for a status in which linking is not refused. ``reason`` may be unknown here."""
    if status is SessionStatus.OUTDATED:
        return ErrorCode.CLIENT_OUTDATED
    if status is SessionStatus.FROZEN:
        return ErrorCode.SALON_FROZEN
    if status is not SessionStatus.ERROR:
        return None
    known = known_reason(reason)
    return code_of(known) if known else ErrorCode.LINKER_FAILED


def known_reason(reason: str | None) -> Reason | None:
    """A newer writer may know reasons that this reader does not."""
    try:
        return Reason(reason) if reason else None
    except ValueError:
        return None
