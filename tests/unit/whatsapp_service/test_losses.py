"""What the library tells of an end, and under which reason it is known."""

import pytest

from shared.endings import ENDINGS
from shared.messages.status import Reason
from whatsapp_service.gateway.events import (
    Banned,
    GatewayEvent,
    LoggedOut,
    OpenFailed,
    Outdated,
    Refused,
    Replaced,
    SocketLost,
    StreamFailed,
)
from whatsapp_service.sessions.losses import reason_of


@pytest.mark.parametrize(
    ("event", "was_open", "reason"),
    [
        (SocketLost(), True, Reason.SOCKET_LOST),
        (SocketLost(), False, Reason.SERVER_ERROR),
        (StreamFailed("500"), True, Reason.STREAM_ERROR),
        (LoggedOut(on_connect=False, code=401), True, Reason.DEVICE_REMOVED),
        (LoggedOut(on_connect=True, code=401), False, Reason.LOGGED_OUT),
        (LoggedOut(on_connect=True, code=403), False, Reason.ACCOUNT_LOCKED),
        (LoggedOut(on_connect=True, code=406), False, Reason.ACCOUNT_BANNED),
        (Replaced(), True, Reason.REPLACED),
        (Banned(60), False, Reason.TEMPORARY_BAN),
        (Outdated(), False, Reason.CLIENT_OUTDATED),
        (Refused(7), False, Reason.REFUSED),
        (OpenFailed(None), False, Reason.WHATSAPP_UNREACHABLE),
    ],
)
def test_every_event_has_its_row(event: GatewayEvent, was_open: bool, reason: Reason) -> None:
    assert reason_of(event, was_open=was_open) is reason
    assert reason in ENDINGS
