"""What the library tells about a session, in our words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from whatsapp_service.gateway.proxy_faults import ProxyFault

_LOGIN_CODES: Final = {2: 401, 4: 403, 5: 406}
"""Login refusals that the library turns into LoggedOut, by its numbers for them."""

PHONE_DEVICE: Final = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """The connection is open and logged in."""


@dataclass(frozen=True, slots=True)
class SocketLost:
    """The library reconnects by itself."""


@dataclass(frozen=True, slots=True)
class StreamFailed:
    code: str


@dataclass(frozen=True, slots=True)
class KeepAliveLost:
    """Pings go unanswered; the socket may be dead."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message or a receipt came in. ``from_phone``: the salon's own phone has sent it."""

    from_phone: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """WhatsApp has answered what we have asked, in time or late."""


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """Unlinked on the phone or refused at login; the library has deleted the device's row.

    ``code``: the refusal's, when it came ``on_connect``: 401 unknown, 403 locked, 406 banned.
    """

    on_connect: bool
    code: int = 401


@dataclass(frozen=True, slots=True)
class Replaced:
    """The same device connected elsewhere; the library does not reconnect."""


@dataclass(frozen=True, slots=True)
class Banned:
    """``expires_in_s`` as the server said, 0 when it did not."""

    expires_in_s: int


@dataclass(frozen=True, slots=True)
class Outdated:
    """The server no longer accepts this version of the library."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Login refused for another reason."""

    reason: int


@dataclass(frozen=True, slots=True)
class OpenFailed:
    """No connection came about, and the library will not try again.

    ``unreadable``: it could not read the device's credentials.
    """

    fault: ProxyFault | None
    unreadable: bool = False


GatewayEvent = (
    Opened
    | SocketLost
    | StreamFailed
    | KeepAliveLost
    | Heard
    | Answered
    | LoggedOut
    | Replaced
    | Banned
    | Outdated
    | Refused
    | OpenFailed
)


def _heard(source: Any) -> Heard:
    """The phone is device 0 of its account; its other devices have numbers.

    What it sends to its companions alone (keys, history, settings), what it writes in chats and the
    receipts for what is read on it all carry its address.
    """
    return Heard(from_phone=bool(source.IsFromMe) and source.Sender.Device == PHONE_DEVICE)


CONVERSIONS: Final[dict[str, Callable[[Any], GatewayEvent]]] = {
    "ConnectedEv": lambda _: Opened(),
    "DisconnectedEv": lambda _: SocketLost(),
    "StreamErrorEv": lambda event: StreamFailed(str(event.Code)[:20]),
    "KeepAliveTimeoutEv": lambda _: KeepAliveLost(),
    "KeepAliveRestoredEv": lambda _: Opened(),
    "MessageEv": lambda event: _heard(event.Info.MessageSource),
    "ReceiptEv": lambda event: _heard(event.MessageSource),
    "LoggedOutEv": lambda event: LoggedOut(
        on_connect=bool(event.OnConnect), code=_LOGIN_CODES.get(int(event.Reason), 401)
    ),
    "StreamReplacedEv": lambda _: Replaced(),
    "TemporaryBanEv": lambda event: Banned(expires_in_s=int(event.Expire)),
    "ClientOutdatedEv": lambda _: Outdated(),
    "ConnectFailureEv": lambda event: Refused(reason=int(event.Reason)),
}
"""By the name of the library's event class in ``neonize.aioze.events``."""
