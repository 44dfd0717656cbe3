"""What a session does about a connection that has ended, or never came about: `shared.endings`."""

from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from shared.endings import ENDINGS, Retry
from shared.messages.status import Reason
from whatsapp_service.gateway.events import Banned, GatewayEvent, OpenFailed
from whatsapp_service.sessions.breaker import Breaker
from whatsapp_service.sessions.losses import reason_of
from whatsapp_service.sessions.proxy_watch import ProxyWatch
from whatsapp_service.sessions.state import ConnectionLost

if TYPE_CHECKING:
    from whatsapp_service.gateway.proxy_faults import ProxyFault
    from whatsapp_service.sessions.session import Session

LIBRARY_RETRIES_S: Final = 120.0
"""The library reconnects a lost socket by itself; after this long we start anew."""
HOURLY_S: Final = 3_600.0
STORE_RETRY_S: Final = 5.0
SCOUT_RETRY_S: Final = 12.0
UNKNOWN_BAN_S: Final = 3_600.0


class Retrying:
    """Runs inside the session's mailbox.

    Only what asks WhatsApp counts against the breaker; our own proxy and Postgres are asked often.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._breaker = Breaker(session.services.patience)
        self._proxy = ProxyWatch(session)
        self._opened_at: float | None = None
        self._stream_failed = False

    def opened(self) -> None:
        self._opened_at = self._opened_at or time.monotonic()
        self._stream_failed = False
        self._session.timers.cancel("reopen", "proxy check")

    def closed(self) -> bool:
        """Whether the line had been open for so long that all was well."""
        opened_at, self._opened_at = self._opened_at, None
        stable_s = self._session.services.patience.stable_s
        steady = opened_at is not None and time.monotonic() - opened_at >= stable_s
        if steady:
            self._breaker.succeeded()
        return steady

    async def ended(self, event: GatewayEvent) -> None:
        """As the library tells it."""
        reason = reason_of(event, was_open=self._opened_at is not None)
        retry = ENDINGS[reason].retry
        if retry is Retry.LIBRARY:
            await self._lost(reason)
        elif isinstance(event, OpenFailed) and event.unreadable:
            # Kept: it may be the library that cannot read what is in order.
            await self._session.connection.end(Reason.CREDENTIALS_BROKEN, HOURLY_S)
        elif isinstance(event, OpenFailed):
            await self._open_failed(event.fault)
        elif reason is Reason.REFUSED:
            await self._refused()
        elif isinstance(event, Banned):
            ban_s = float(event.expires_in_s or UNKNOWN_BAN_S)
            # A ban that is told again and again must not become a way to try without end.
            await self._session.connection.end(reason, max(ban_s, self._breaker.failed()))
        else:
            hour_s = HOURLY_S if retry is Retry.HOURLY else None
            await self._session.connection.end(reason, hour_s)

    def opening(self) -> None:
        """A login that is not answered ends here: the library itself never says so."""
        self._session.timers.set(
            "reopen",
            LIBRARY_RETRIES_S,
            lambda: self._session.post(partial(self._open_failed, None)),
        )

    def proxy_away(self, fault: ProxyFault | None) -> None:
        """None: what is stored is no proxy's address."""
        self._proxy.blame(fault)
        self._reopen_about(self._proxy.next_try_s())

    def wait_for_scout(self) -> None:
        """WhatsApp cannot be reached, and another session is finding out whether it can be."""
        self._session.apply(ConnectionLost(Reason.WHATSAPP_UNREACHABLE))
        self._reopen_about(SCOUT_RETRY_S)

    def store_away(self) -> None:
        self._session.apply(ConnectionLost(Reason.STORE_UNAVAILABLE))
        self._reopen_about(STORE_RETRY_S)

    async def _lost(self, reason: Reason) -> None:
        """The library reconnects at once, and would for ever: the breaker ends that."""
        if self._stream_failed and reason is Reason.SERVER_ERROR:
            self._stream_failed = False  # the socket goes after the stream: one loss, told twice
            return
        self._stream_failed = reason is Reason.STREAM_ERROR
        was_open = self._opened_at is not None
        delay_s = None if self.closed() else self._breaker.failed()
        if delay_s is not None and self._breaker.is_open:
            await self._session.connection.close()
            self._try_in(delay_s, Reason.FLAPPING if was_open else reason)
            return
        self._session.apply(ConnectionLost(reason))
        self.opening()
        self._proxy.check_soon()

    async def _open_failed(self, fault: ProxyFault | None) -> None:
        connection = self._session.connection
        if fault is None and connection.client is not None:
            self._session.services.scouts.failed(connection.client.route)
        await connection.close()
        if fault is not None:
            self.proxy_away(fault)
        else:
            self._try_in(self._breaker.failed(), Reason.WHATSAPP_UNREACHABLE)

    async def _refused(self) -> None:
        """It may be a passing mood of the server; when it is not, the link has ended."""
        await self._session.connection.close()
        delay_s = self._breaker.failed()
        if self._breaker.is_open:
            await self._session.connection.end(Reason.REFUSED, HOURLY_S)
        else:
            self._try_in(delay_s, Reason.REFUSED)

    def _try_in(self, delay_s: float, reason: Reason) -> None:
        """The moment is told when it is far off."""
        at = round((time.time() + delay_s) * 1000) if self._breaker.is_open else None
        self._session.apply(ConnectionLost(reason, at))
        self._session.connection.reopen_in(delay_s)

    def _reopen_about(self, delay_s: float) -> None:
        self._session.connection.reopen_in(delay_s * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
