"""The open connection of a linked session: what the library reports, and when to try again."""

from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from shared.messages.status import Reason, SessionStatus
from whatsapp_service.gateway.events import (
    Banned,
    GatewayEvent,
    KeepAliveLost,
    LoggedOut,
    Opened,
    OpenFailed,
    Outdated,
    Refused,
    Replaced,
    SocketLost,
    StreamFailed,
)
from whatsapp_service.gateway.linked_client import LogOutFailedError
from whatsapp_service.sessions.state import ConnectionLost, ConnectionOpened, Ended, Restored
from whatsapp_service.store.directory import StoreUnavailableError

if TYPE_CHECKING:
    from whatsapp_service.gateway.linked_client import LinkedClient
    from whatsapp_service.sessions.session import Session

_log = structlog.get_logger(__name__)

QUICK_RETRIES_S: Final = (2.0, 5.0, 10.0, 20.0, 40.0)
SLOW_RETRY_S: Final = 300.0
LIBRARY_RETRIES_S: Final = 120.0
"""The library reconnects a lost socket by itself; after this long we start anew."""
OUTDATED_RETRY_S: Final = 3_600.0
RECORD_RETRY_S: Final = 10.0
MIN_BAN_S: Final = 60.0
UNKNOWN_BAN_S: Final = 3_600.0

_LOSSES: Final[dict[type[GatewayEvent], Reason]] = {
    SocketLost: Reason.SOCKET_LOST,
    StreamFailed: Reason.STREAM_ERROR,
    KeepAliveLost: Reason.KEEPALIVE_TIMEOUT,
}


class Connection:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._client: LinkedClient | None = None
        self._failures = 0

    async def open(self) -> None:
        """Connect with the session's device; a device without credentials ends the session."""
        session = self._session
        await self.close()
        if session.device is None:
            return
        try:
            known = await session.services.directory.credentials_exist(str(session.device))
        except StoreUnavailableError:
            _log.warning("credentials_not_readable")
            self._retry()
            return
        if not known:
            await self.forget(SessionStatus.LOGGED_OUT, Reason.CREDENTIALS_MISSING)
            return
        client = session.services.gateway.client_for(
            session.session_id, session.device, lambda event: self._report(client, event)
        )
        self._client = client
        self.reopen_in(LIBRARY_RETRIES_S)
        await client.open()

    async def ensure_open(self) -> None:
        """Connect unless a client is at it."""
        if self._client is None:
            await self.open()

    async def log_out(self) -> None:
        """Take the device off the WhatsApp account. Raises LogOutFailedError."""
        if self._client is None:
            raise LogOutFailedError("not open")
        await self._client.log_out()

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def shut_down(self) -> None:
        """The process stops: close, and say that the connection is gone but will be back."""
        was_open = self._client is not None
        await self.close()
        if was_open:
            self._session.apply(ConnectionLost(Reason.SERVICE_STOPPED))

    def _report(self, client: LinkedClient, event: GatewayEvent) -> None:
        self._session.post(partial(self._on_event, client, event))

    async def _on_event(self, client: LinkedClient, event: GatewayEvent) -> None:
        if client is not self._client:
            return
        self._session.last_event_at = time.time()
        match event:
            case Opened():
                await self._on_opened()
            case SocketLost() | StreamFailed() | KeepAliveLost():
                self._session.apply(ConnectionLost(_LOSSES[type(event)]))
                self.reopen_in(LIBRARY_RETRIES_S)
            case LoggedOut() if self._session.state.status is SessionStatus.LINKING:
                await self.forget(SessionStatus.ERROR, Reason.REFUSED)
            case LoggedOut():
                await self.forget(SessionStatus.LOGGED_OUT, Reason.LOGGED_OUT)
            case Replaced():
                await self._end(SessionStatus.REPLACED, Reason.REPLACED)
            case Banned(expires_in_s):
                await self._end(SessionStatus.BANNED, Reason.TEMPORARY_BAN)
                self.reopen_in(max(MIN_BAN_S, expires_in_s or UNKNOWN_BAN_S))
            case Outdated():
                await self._end(SessionStatus.OUTDATED, Reason.CLIENT_OUTDATED)
                self.reopen_in(OUTDATED_RETRY_S)
            case Refused() | OpenFailed():
                await self._on_not_opened(event)

    async def _on_opened(self) -> None:
        session = self._session
        self._failures = 0
        session.timers.cancel("reopen")
        if session.unlinking.wanted:
            await session.unlinking.on_opened()
            return
        session.apply(ConnectionOpened())
        await self._record()

    async def _record(self) -> None:
        """Until it is done: without the row a restart would not find the device."""
        session = self._session
        if session.device is None:
            return
        try:
            await session.services.directory.mark_connected(
                session.session_id, str(session.device), session.device.phone
            )
        except StoreUnavailableError:
            _log.warning("connected_not_recorded")
            session.timers.set("record", RECORD_RETRY_S, lambda: session.post(self._record))

    async def _on_not_opened(self, event: GatewayEvent) -> None:
        refused = isinstance(event, Refused)
        reason = Reason.REFUSED if refused else Reason.WHATSAPP_UNREACHABLE
        await self.close()
        self._session.apply(ConnectionLost(reason))
        self._retry()

    def _retry(self) -> None:
        quick = self._failures < len(QUICK_RETRIES_S)
        delay_s = QUICK_RETRIES_S[self._failures] if quick else SLOW_RETRY_S
        self._failures += 1
        self.reopen_in(delay_s * random.uniform(0.8, 1.2))  # noqa: S311 - jitter

    def reopen_in(self, delay_s: float) -> None:
        """Close what there is and connect anew, after a while."""
        self._session.timers.set("reopen", delay_s, lambda: self._session.post(self._reopen))

    async def _reopen(self) -> None:
        session = self._session
        if session.device is not None:
            session.apply(Restored(session.device.phone))
            await self.open()

    async def forget(self, status: SessionStatus, reason: Reason) -> None:
        """The device is gone on the phone's side: so is everything of it here."""
        session = self._session
        session.device = None
        session.timers.cancel("reopen", "record")
        await self.close()
        session.apply(Ended(status, reason))
        try:
            await session.services.directory.forget_device(session.session_id, status, reason)
        except StoreUnavailableError:
            _log.warning("logout_not_recorded")
        session.unlinking.on_forgotten()

    async def _end(self, status: SessionStatus, reason: Reason) -> None:
        """No connection for now; the credentials stay."""
        session = self._session
        session.timers.cancel("reopen")
        await self.close()
        session.apply(Ended(status, reason))
        try:
            await session.services.directory.mark_ended(session.session_id, status, reason)
        except StoreUnavailableError:
            _log.warning("end_not_recorded")
