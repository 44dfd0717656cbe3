"""The open connection of a linked session: what the library reports, and when to try again."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from shared.messages.status import Reason, SessionStatus
from whatsapp_service.gateway.events import (
    Banned,
    GatewayEvent,
    Heard,
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
from whatsapp_service.gateway.proxy_faults import ProxyFault, probe
from whatsapp_service.sessions.routes import Route, UnusableRouteError
from whatsapp_service.sessions.state import ConnectionLost, ConnectionOpened, Ended, Restored
from whatsapp_service.store.directory import StoreUnavailableError

if TYPE_CHECKING:
    from whatsapp_service.gateway.device_jid import DeviceJid
    from whatsapp_service.gateway.linked_client import LinkedClient
    from whatsapp_service.proxy_url import ProxyUrl
    from whatsapp_service.sessions.session import Session

_log = structlog.get_logger(__name__)

QUICK_RETRIES_S: Final = (2.0, 5.0, 10.0, 20.0, 40.0)
SLOW_RETRY_S: Final = 300.0
LIBRARY_RETRIES_S: Final = 120.0
"""The library reconnects a lost socket by itself; after this long we start anew."""
PROXY_PATIENCE_S: Final = 3.0
"""The library may reconnect for so long before its proxy is asked whether it is there."""
PROXY_RETRY_S: Final = 15.0
"""Asking a proxy costs little, and a salon is without WhatsApp until it is back."""
PROXY_BACK_S: Final = 5.0
OUTDATED_RETRY_S: Final = 3_600.0
RECORD_RETRY_S: Final = 10.0
MIN_BAN_S: Final = 60.0
UNKNOWN_BAN_S: Final = 3_600.0

_LOSSES: Final[dict[type[GatewayEvent], Reason]] = {
    SocketLost: Reason.SOCKET_LOST,
    StreamFailed: Reason.STREAM_ERROR,
}


class Connection:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.client: LinkedClient | None = None
        self._failures = 0

    async def open(self) -> None:
        """Connect with the session's device; a device without credentials ends the session.

        A frozen session stays closed.
        """
        session = self._session
        await self.close()
        if session.device is None or self._kept_closed:
            return
        try:
            known = await session.services.directory.credentials_exist(str(session.device))
            route = await session.services.routes.of(session.session_id)
        except StoreUnavailableError:
            _log.warning("credentials_not_readable")
            self._not_opened(Reason.STORE_UNAVAILABLE)
            return
        except UnusableRouteError:
            self._not_opened(Reason.PROXY_UNREACHABLE)
            return
        if not known:
            await self.forget(SessionStatus.LOGGED_OUT, Reason.CREDENTIALS_MISSING)
            return
        await self._open_by(route, session.device)

    async def _open_by(self, route: Route, device: DeviceJid) -> None:
        """A proxy is asked first: a library that hangs in one cannot be stopped."""
        session = self._session
        fault = await probe(route) if route else None
        if fault is not None:
            self._not_opened(Reason.PROXY_UNREACHABLE, fault)
            return
        client = session.services.gateway.client_for(
            session.session_id, device, route, lambda event: self._report(client, event)
        )
        self.client = client
        self.reopen_in(LIBRARY_RETRIES_S)
        await client.open()

    @property
    def _kept_closed(self) -> bool:
        """A frozen session is opened for one thing alone: to tell WhatsApp that it is unlinked."""
        return self._session.frozen and not self._session.unlinking.wanted

    async def ensure_open(self) -> None:
        """Connect unless a client is at it."""
        if self.client is None:
            await self.open()

    async def log_out(self) -> None:
        """Take the device off the WhatsApp account. Raises LogOutFailedError."""
        if self.client is None:
            raise LogOutFailedError("not open")
        await self.client.log_out()

    async def close(self) -> None:
        client, self.client = self.client, None
        self._session.line.lose()
        if client is not None:
            await client.close()

    async def shut_down(self) -> None:
        """The process stops: close, and say that the connection is gone but will be back."""
        was_open = self.client is not None
        await self.close()
        if was_open:
            self._session.apply(ConnectionLost(Reason.SERVICE_STOPPED))

    def _report(self, client: LinkedClient, event: GatewayEvent) -> None:
        """Messages can be many: they only say that the line lives, and wait for nothing."""
        if client is self.client:
            self._session.line.take(event)
        if not isinstance(event, Heard | KeepAliveLost):
            self._session.post(partial(self._on_event, client, event))

    async def _on_event(self, client: LinkedClient, event: GatewayEvent) -> None:  # noqa: C901 - one flat table
        if client is not self.client:
            return
        match event:
            case Opened():
                await self._on_opened()
            case SocketLost() | StreamFailed():
                self._session.apply(ConnectionLost(_LOSSES[type(event)]))
                self.reopen_in(LIBRARY_RETRIES_S)
                self._check_proxy_in(PROXY_PATIENCE_S)
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
                await self.close()
                if isinstance(event, Refused):
                    self._not_opened(Reason.REFUSED)
                else:
                    self._not_opened(Reason.WHATSAPP_UNREACHABLE, event.fault)

    async def _on_opened(self) -> None:
        session = self._session
        self._failures = 0
        session.timers.cancel("reopen", "proxy check")
        if session.unlinking.wanted:
            await session.unlinking.on_opened()
            return
        if session.frozen:
            await self.close()
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
                session.tenure, str(session.device), session.device.phone
            )
        except StoreUnavailableError:
            _log.warning("connected_not_recorded")
            session.timers.set("record", RECORD_RETRY_S, lambda: session.post(self._record))

    def _not_opened(self, reason: Reason, fault: ProxyFault | None = None) -> None:
        """``reason`` counts when the proxy is not to blame."""
        if fault is None:
            self._session.apply(ConnectionLost(reason))
        else:
            self._blame_proxy(fault)
        self._retry()

    def _check_proxy_in(self, delay_s: float) -> None:
        client = self.client
        if client is not None and client.route is not None:
            check = partial(self._check_proxy, client, client.route)
            self._session.timers.set("proxy check", delay_s, lambda: self._session.post(check))

    async def _check_proxy(self, client: LinkedClient, proxy: ProxyUrl) -> None:
        """The library reconnects through the proxy by itself, and never says what is in its way.

        As long as the proxy is at fault the client is left alone: one that hangs in a silent proxy
        cannot be stopped, and all others would have to wait for it.
        """
        session = self._session
        if client is not self.client or session.state.status is SessionStatus.CONNECTED:
            return
        fault = await probe(proxy)
        if fault is not None:
            session.timers.cancel("reopen")
            self._blame_proxy(fault)
            self._check_proxy_in(PROXY_RETRY_S)
        elif session.state.reason is Reason.PROXY_UNREACHABLE:
            self.reopen_in(PROXY_BACK_S)

    def _blame_proxy(self, fault: ProxyFault) -> None:
        """One log line per outage, not one per attempt."""
        if self._session.state.reason is not Reason.PROXY_UNREACHABLE:
            _log.warning("proxy_unusable", fault=fault)
        self._session.apply(ConnectionLost(Reason.PROXY_UNREACHABLE))

    def _retry(self) -> None:
        quick = self._failures < len(QUICK_RETRIES_S)
        delay_s = QUICK_RETRIES_S[self._failures] if quick else SLOW_RETRY_S
        if self._session.state.reason is Reason.PROXY_UNREACHABLE:
            delay_s = min(delay_s, PROXY_RETRY_S)
        self._failures += 1
        self.reopen_in(delay_s * random.uniform(0.8, 1.2))  # noqa: S311 - jitter

    def reopen_in(self, delay_s: float) -> None:
        """Close what there is and connect anew, after a while."""
        self._session.timers.set("reopen", delay_s, lambda: self._session.post(self._reopen))

    def renew(self, client: LinkedClient, reason: Reason) -> None:
        """Connect anew, unless that client is closed by then; it is not connected meanwhile."""

        async def renew() -> None:
            if client is self.client:
                self._session.apply(ConnectionLost(reason))
                await self._reopen()

        self._session.post(renew)

    async def _reopen(self) -> None:
        session = self._session
        if session.device is not None:
            session.apply(Restored(session.device.phone))
            await self.open()

    async def forget(self, status: SessionStatus, reason: Reason) -> None:
        """The device is gone on the phone's side: so is everything of it here."""
        session = self._session
        session.device = None
        session.timers.cancel("reopen", "record", "proxy check")
        await self.close()
        session.apply(Ended(status, reason))
        try:
            await session.services.directory.forget_device(session.tenure, status, reason)
        except StoreUnavailableError:
            _log.warning("logout_not_recorded")
        session.unlinking.on_forgotten()

    async def _end(self, status: SessionStatus, reason: Reason) -> None:
        """No connection for now; the credentials stay."""
        session = self._session
        session.timers.cancel("reopen", "proxy check")
        await self.close()
        session.apply(Ended(status, reason))
        try:
            await session.services.directory.mark_ended(session.tenure, status, reason)
        except StoreUnavailableError:
            _log.warning("end_not_recorded")
