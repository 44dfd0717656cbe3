"""What the library tells of a connection's end, as a reason of `shared.endings`."""

from typing import Final

from shared.messages.status import Reason
from whatsapp_service.gateway.events import (
    Banned,
    GatewayEvent,
    LoggedOut,
    Opened,
    OpenFailed,
    Outdated,
    Refused,
    Replaced,
    SocketLost,
    StreamFailed,
)

_REASONS: Final[dict[type[GatewayEvent], Reason]] = {
    StreamFailed: Reason.STREAM_ERROR,
    Replaced: Reason.REPLACED,
    Banned: Reason.TEMPORARY_BAN,
    Outdated: Reason.CLIENT_OUTDATED,
    Refused: Reason.REFUSED,
    OpenFailed: Reason.WHATSAPP_UNREACHABLE,
}
ANSWERS: Final = (Opened, StreamFailed, Replaced, Banned, Outdated, Refused, LoggedOut)
"""WhatsApp has been reached."""

_AT_LOGIN: Final = {403: Reason.ACCOUNT_LOCKED, 406: Reason.ACCOUNT_BANNED}


def reason_of(event: GatewayEvent, *, was_open: bool) -> Reason:
    """``was_open``: logged in since the connection before was lost."""
    match event:
        case LoggedOut(on_connect=False):
            return Reason.DEVICE_REMOVED
        case LoggedOut(code=code):
            return _AT_LOGIN.get(code, Reason.LOGGED_OUT)
        case SocketLost():
            return Reason.SOCKET_LOST if was_open else Reason.SERVER_ERROR
        case _:
            return _REASONS[type(event)]
