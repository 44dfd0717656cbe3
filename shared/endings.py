"""The one table of every way a linked salon's connection ends, and what follows from it.

ARCHITECTURE.md prints it. Sessions do what it says, the API process tells by it who is to be
invited to link again.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.messages.status import Reason, SessionStatus


class Retry(StrEnum):
    """How a connection comes back; the values are the words of the printed table.

    What asks WhatsApp goes through the session's breaker (`whatsapp_service.sessions.breaker`).
    """

    AT_ONCE = "at once"
    LIBRARY = "the library at once; anew after 2 min"
    BACK_OFF = "back-off"
    SLOWLY = "every 5 min"
    HOURLY = "hourly, and after a restart"
    BAN_ENDS = "when the ban ends"
    PROXY = "when the proxy answers, asked every 15 s"
    STORE = "every 5 s"
    NEXT_OWNER = "by the next process"
    THAW = "by the thaw"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Ending:
    """``keeps_device``: its credentials stay. ``invites``: its owner is asked to link again."""

    reason: Reason
    what: str
    status: SessionStatus
    retry: Retry
    keeps_device: bool = True
    invites: bool = False


def _lost(reason: Reason, what: str, retry: Retry) -> Ending:
    """It comes back by itself."""
    return Ending(reason, what, SessionStatus.RECONNECTING, retry)


def _over(reason: Reason, what: str, *, invites: bool = True) -> Ending:
    """The device is gone, on the phone's side or on ours."""
    return Ending(
        reason,
        what,
        SessionStatus.LOGGED_OUT,
        Retry.NEVER,
        keeps_device=False,
        invites=invites,
    )


_TABLE: Final = (
    _lost(Reason.SOCKET_LOST, "the socket is lost", Retry.LIBRARY),
    _lost(Reason.STREAM_ERROR, "WhatsApp ends the stream with an error", Retry.LIBRARY),
    _lost(Reason.KEEPALIVE_TIMEOUT, "nobody answers on the line", Retry.AT_ONCE),
    _lost(Reason.ROUTE_CHANGED, "an operator sends it another way", Retry.AT_ONCE),
    _lost(Reason.SERVER_ERROR, "login answered with 500 or 503, or cut off", Retry.LIBRARY),
    _lost(Reason.FLAPPING, "opened and lost within 30 s, five times in 5 min", Retry.SLOWLY),
    _lost(Reason.WHATSAPP_UNREACHABLE, "no connection, or no answer to the login", Retry.BACK_OFF),
    _lost(Reason.PROXY_UNREACHABLE, "the proxy is dead or refuses", Retry.PROXY),
    _lost(Reason.STORE_UNAVAILABLE, "Postgres does not say which device", Retry.STORE),
    _lost(Reason.SERVICE_STOPPED, "the process stops", Retry.NEXT_OWNER),
    _lost(Reason.OWNER_LOST, "the process is dead", Retry.NEXT_OWNER),
    Ending(
        Reason.TEMPORARY_BAN,
        "login answered with 402: banned for a time",
        SessionStatus.BANNED,
        Retry.BAN_ENDS,
    ),
    Ending(
        Reason.CLIENT_OUTDATED,
        "login answered with 405: version no longer accepted",
        SessionStatus.OUTDATED,
        Retry.HOURLY,
    ),
    Ending(
        Reason.REFUSED,
        "login answered with 400, 409, 501 or another code, five times in 5 min",
        SessionStatus.LOGGED_OUT,
        Retry.HOURLY,
        invites=True,
    ),
    Ending(
        Reason.REPLACED,
        "the same device connected elsewhere",
        SessionStatus.REPLACED,
        Retry.NEVER,
        invites=True,
    ),
    _over(Reason.DEVICE_REMOVED, "removed on the phone while connected"),
    _over(Reason.LOGGED_OUT, "login answered with 401: device or keys unknown"),
    _over(Reason.ACCOUNT_LOCKED, "login answered with 403: account locked"),
    _over(Reason.ACCOUNT_BANNED, "login answered with 406: account banned"),
    _over(Reason.CREDENTIALS_MISSING, "no credentials in the library's store"),
    Ending(
        Reason.CREDENTIALS_BROKEN,
        "the library cannot read its credentials, or we its address",
        SessionStatus.LOGGED_OUT,
        Retry.HOURLY,
        invites=True,
    ),
    _over(Reason.UNLINKED, "unlinked on the page", invites=False),
    _over(Reason.UNINSTALLED, "application uninstalled in YClients", invites=False),
    Ending(Reason.FROZEN, "subscription ended in YClients", SessionStatus.FROZEN, Retry.THAW),
)

ENDINGS: Final = {ending.reason: ending for ending in _TABLE}


def invites(reason: Reason | None) -> bool:
    """Whether the owner is to be asked to link again."""
    return reason is not None and reason in ENDINGS and ENDINGS[reason].invites
