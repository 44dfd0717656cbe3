"""How a call to YClients can end badly: above all, whether it may have been carried out.

No text of these errors holds a token, a key or an address.
"""

from dataclasses import dataclass


@dataclass(eq=False)
class YclientsError(Exception):
    """``reason``: a stable snake_case word for logs, events and metrics."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class NotSentError(YclientsError):
    """Certainly not carried out: nothing left this process, or YClients turned it away unread.

    Reasons: ``not_configured``, ``budget_exhausted``, ``budget_unavailable``, ``breaker_open``,
    ``unreachable`` (no connection came about), ``rate_limited`` (429), ``overtaken`` (its caller
    had lost the right to make it).
    """

    retry_after_s: float | None = None


@dataclass(eq=False)
class AmbiguousError(YclientsError):
    """May have been carried out.

    Reasons: ``timeout``, ``server_error`` (5xx), ``connection_lost``, ``unreadable`` (not the JSON
    that was due: HTML with 200, a redirect where none is known).
    """


@dataclass(eq=False)
class RefusedError(YclientsError):
    """YClients has said no; nothing was carried out.

    Reasons: ``not_installed`` (404 in YClients' own words), ``application_unknown`` (400 "Агрегатор
    не найден"), ``already_installed`` (403 "Пользователь уже установил это приложение."),
    ``unauthorized`` (401), ``forbidden`` (403), ``invalid`` (422), ``refused`` (any other, and a
    404 that is not JSON: a wrong address, or something in between). ``message``: what YClients
    wrote, masked and shortened; for people, never for a decision.
    """

    status: int = 0
    message: str = ""
