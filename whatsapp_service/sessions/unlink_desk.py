"""Unlinking, as a session does it: WhatsApp is told when it can be, and nothing is left here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client import Counter

from shared.errors import ErrorCode
from shared.messages.status import Reason, SessionStatus
from whatsapp_service.gateway.linked_client import LogOutFailedError
from whatsapp_service.sessions.in_hand import settle
from whatsapp_service.sessions.state import Ended
from whatsapp_service.store.directory import StoreUnavailableError

if TYPE_CHECKING:
    import asyncio

    from shared.messages.commands import Unlink
    from whatsapp_service.sessions.session import Session

_log = structlog.get_logger(__name__)
_unlinks = Counter("unlinks_total", "Salons unlinked on request, by outcome", ["outcome"])

PATIENCE_S: Final = 8.0
"""For a connection to come about on which WhatsApp can be told."""

REOPEN_S: Final = 1.0


class UnlinkDesk:
    """Runs inside the session's mailbox.

    A device without a connection gets one first, if it can be had soon. If not, the credentials
    are deleted here, and the phone goes on listing the device until its owner removes it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: list[tuple[Unlink, asyncio.Future[None]]] = []

    @property
    def wanted(self) -> bool:
        return bool(self._waiting)

    @property
    def _reason(self) -> Reason:
        left = any(command.uninstalled for command, _ in self._waiting)
        return Reason.UNINSTALLED if left else Reason.UNLINKED

    async def want(self, command: Unlink, done: asyncio.Future[None]) -> None:
        session = self._session
        if command.is_expired():
            self._answer(command, done, ErrorCode.COMMAND_EXPIRED)
            return
        self._waiting.append((command, done))
        await session.linking.abandon(Reason.UNLINKED)
        if not session.recalled:
            self._finish(ErrorCode.UNLINK_FAILED)
        elif session.device is None:
            self._nothing_linked()
        elif session.connected:
            await self.on_opened()
        elif len(self._waiting) == 1:
            session.timers.set("unlink patience", PATIENCE_S, lambda: session.post(self._give_up))
            await session.connection.ensure_open()

    async def on_opened(self) -> None:
        """The connection is open: WhatsApp can be told."""
        try:
            await self._session.connection.log_out()
        except LogOutFailedError as error:
            _log.warning("log_out_failed", error=str(error))
            self._finish(ErrorCode.UNLINK_FAILED)
            self._session.connection.reopen_in(REOPEN_S)
            return
        await self._session.connection.forget(SessionStatus.LOGGED_OUT, self._reason)

    def on_forgotten(self) -> None:
        """However it came about: the session has no device any more."""
        if self._waiting:
            self._finish(None)

    def _nothing_linked(self) -> None:
        """Whoever asked is told all the same."""
        session, before = self._session, self._session.state
        session.apply(Ended(SessionStatus.LOGGED_OUT, self._reason))
        if session.state == before:
            session.voice.status(session.state)
        self._finish(None)

    async def _give_up(self) -> None:
        """WhatsApp cannot be told."""
        session = self._session
        if not self._waiting or session.device is None:
            return
        await session.connection.close()
        try:
            await session.services.directory.delete_credentials(str(session.device))
        except StoreUnavailableError:
            _log.warning("credentials_not_deleted")
            self._finish(ErrorCode.UNLINK_FAILED)
            session.connection.reopen_in(REOPEN_S)
            return
        _log.warning("unlinked_without_whatsapp")
        await session.connection.forget(SessionStatus.LOGGED_OUT, self._reason)

    def _finish(self, code: ErrorCode | None) -> None:
        self._session.timers.cancel("unlink patience")
        waiting, self._waiting = self._waiting, []
        for command, done in waiting:
            self._answer(command, done, code)

    def _answer(self, command: Unlink, done: asyncio.Future[None], code: ErrorCode | None) -> None:
        session = self._session
        _unlinks.labels(outcome=code or "done").inc()
        session.voice.result(session.state, command.command_id, code)
        settle(done)
