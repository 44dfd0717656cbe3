"""The connection of a linked session: opened, closed, ended for now or for good."""

from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from shared.endings import ENDINGS
from shared.messages.status import Reason, SessionStatus
from whatsapp_service.gateway.events import (
    Answered,
    GatewayEvent,
    Heard,
    KeepAliveLost,
    LoggedOut,
    Opened,
)
from whatsapp_service.gateway.linked_client import LogOutFailedError
from whatsapp_service.gateway.proxy_faults import probe
from whatsapp_service.sessions.losses import ANSWERS
from whatsapp_service.sessions.retrying import Retrying
from whatsapp_service.sessions.routes import Route, UnusableRouteError
from whatsapp_service.sessions.standing import Standing, ended
from whatsapp_service.sessions.state import ConnectionLost, ConnectionOpened, Ended, Restored
from whatsapp_service.store.directory import StoreUnavailableError

if TYPE_CHECKING:
    from whatsapp_service.gateway.device_jid import DeviceJid
    from whatsapp_service.gateway.linked_client import LinkedClient
    from whatsapp_service.sessions.session import Session

_log = structlog.get_logger(__name__)

AFTER_BAN_S: Final = 1.0


class Connection:
    """``standing``: what keeps the session closed although it has a device."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.client: LinkedClient | None = None
        self.standing: Standing | None = None
        self.retrying = Retrying(session)

    async def resume(self) -> None:
        """Connect with the session's device, unless a client is at it or its ending still holds."""
        session = self._session
        if self._kept_closed or session.device is None:
            return
        if self.standing is not None and not self.standing.over:
            session.apply(self.standing.ended(session.device))
            if self.standing.left_s is not None:
                self.reopen_in(self.standing.left_s + random.uniform(0, AFTER_BAN_S))  # noqa: S311
            return
        session.apply(Restored(session.device.phone))
        await self.ensure_open()

    async def open(self) -> None:
        """Connect with the session's device; a device without credentials ends the session.

        A frozen session stays closed. A device is held once: whoever opens it late would end the
        connection of the session's owner for good, so the owner is asked for first. Raises
        FencedError.
        """
        session = self._session
        await self.close()
        if session.device is None or self._kept_closed:
            return
        try:
            await session.services.directory.confirm(session.tenure)
            known = await session.services.directory.credentials_exist(str(session.device))
            route = await session.services.routes.of(session.session_id)
        except StoreUnavailableError:
            if session.state.reason is not Reason.STORE_UNAVAILABLE:  # once, not every 5 s
                _log.warning("credentials_not_readable")
            self.retrying.store_away()
            return
        except UnusableRouteError:
            self.retrying.proxy_away(None)
            return
        if known:
            await self._open_by(route, session.device)
        else:
            await self.end(Reason.CREDENTIALS_MISSING)

    async def _open_by(self, route: Route, device: DeviceJid) -> None:
        """A proxy is asked first: a library that hangs in one cannot be stopped."""
        session = self._session
        fault = await probe(route) if route else None
        if fault is not None:
            self.retrying.proxy_away(fault)
            return
        if not session.services.scouts.may_try(route):
            self.retrying.wait_for_scout()
            return
        client = session.services.gateway.client_for(
            session.session_id, device, route, lambda event: self._report(client, event)
        )
        self.client = client
        self.retrying.opening()
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
        self.retrying.closed()
        if client is not None:
            await client.close()

    async def shut_down(self) -> None:
        """The process stops: close, and say that the connection is gone but will be back."""
        was_open = self.client is not None
        await self.close()
        if was_open:
            self._session.apply(ConnectionLost(Reason.SERVICE_STOPPED))
        await self._session.record.catch_up()

    def _report(self, client: LinkedClient, event: GatewayEvent) -> None:
        """Messages can be many: they only say that the line lives, and wait for nothing."""
        if client is self.client:
            self._session.line.take(event)
        if not isinstance(event, Heard | Answered | KeepAliveLost):
            self._session.post(partial(self._on_event, client, event))

    async def _on_event(self, client: LinkedClient, event: GatewayEvent) -> None:
        if client is not self.client:
            return
        session = self._session
        if isinstance(event, ANSWERS):
            session.services.scouts.reached(client.route)
        if isinstance(event, Opened):
            await self._on_opened()
        elif isinstance(event, LoggedOut) and session.state.status is SessionStatus.LINKING:
            await self.forget(SessionStatus.ERROR, Reason.REFUSED)
        else:
            await self.retrying.ended(event)

    async def _on_opened(self) -> None:
        session = self._session
        self.retrying.opened()
        if session.unlinking.wanted:
            await session.unlinking.on_opened()
            return
        if session.frozen:
            await self.close()
            return
        self.standing = None
        session.apply(ConnectionOpened())
        if session.device is not None:
            await session.record.connected(session.device)

    def reopen_in(self, delay_s: float) -> None:
        """Close what there is and connect anew, after a while."""
        self._session.timers.set("reopen", delay_s, lambda: self._session.post(self._reopen))

    def renew(self, client: LinkedClient, reason: Reason) -> bool:
        """Connect anew, unless that client is closed by then; it is not connected meanwhile.

        False when the mailbox is full.
        """

        async def renew() -> None:
            if client is self.client:
                self._session.line.lose()
                self._session.apply(ConnectionLost(reason))
                await self._reopen()

        return self._session.post(renew)

    async def _reopen(self) -> None:
        session = self._session
        holds = self.standing is not None and not self.standing.over
        if holds and not session.unlinking.wanted:
            await self.close()
            await self.resume()
        elif session.device is not None:
            session.apply(Restored(session.device.phone))
            await self.open()

    async def end(self, reason: Reason, retry_in_s: float | None = None) -> None:
        """No connection for now, or for good, as the table says; it is tried again after that."""
        ending = ENDINGS[reason]
        if not ending.keeps_device:
            await self.forget(ending.status, reason)
            return
        session = self._session
        session.timers.cancel("reopen", "proxy check")
        await self.close()
        self.standing = Standing.of(reason, retry_in_s)
        until = None if retry_in_s is None else time.time() + retry_in_s
        session.apply(ended(reason, until, session.device))
        if retry_in_s is not None:
            self.reopen_in(retry_in_s + random.uniform(0, AFTER_BAN_S))  # noqa: S311 - jitter
        await session.record.ended(reason, until)

    async def forget(self, status: SessionStatus, reason: Reason) -> None:
        """The device is gone on the phone's side: so is everything of it here."""
        session = self._session
        session.device = None
        self.standing = None
        session.timers.cancel("reopen", "proxy check")
        await self.close()
        session.apply(Ended(status, reason))
        await session.record.forgotten(status, reason)
        session.unlinking.on_forgotten()
