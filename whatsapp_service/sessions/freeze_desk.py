"""Freezing and thawing, as a session does it: the row first, then the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter

from shared.errors import ErrorCode
from shared.messages.commands import Freeze
from shared.messages.status import Reason
from whatsapp_service.sessions.in_hand import settle
from whatsapp_service.sessions.state import Frozen, Happening, Thawed
from whatsapp_service.store.directory import StoreUnavailableError

if TYPE_CHECKING:
    import asyncio

    from shared.messages.commands import Thaw
    from shared.phone import PhoneNumber
    from whatsapp_service.sessions.session import Session

_log = structlog.get_logger(__name__)
_freezes = Counter("freezes_total", "Salons frozen and thawed, by outcome", ["command", "outcome"])


class FreezeDesk:
    """Runs inside the session's mailbox.

    The row says whether a salon is frozen, so a process killed between the row and the connection
    leaves the salon as it was told. Both commands may come any number of times.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def freeze(self, command: Freeze, done: asyncio.Future[None]) -> None:
        """An unlinking under way keeps the connection until it has told WhatsApp."""
        session = self._session
        if not await self._recorded(command, done):
            return
        await session.linking.abandon(Reason.FROZEN)
        if not session.unlinking.wanted:
            session.timers.cancel("reopen", "proxy check")
            await session.connection.close()
        self._tell(Frozen(self._phone))
        self._answer(command, done, None)

    async def thaw(self, command: Thaw, done: asyncio.Future[None]) -> None:
        """Answered before the connection is open, which may take its time."""
        if not await self._recorded(command, done):
            return
        self._tell(Thawed(self._phone))
        self._answer(command, done, None)
        await self._session.connection.resume()

    def remember(self) -> None:
        """The row says so, from an earlier life or because a device has been found."""
        self._session.apply(Frozen(self._phone))

    @property
    def _phone(self) -> PhoneNumber | None:
        device = self._session.device
        return device.phone if device else None

    async def _recorded(self, command: Freeze | Thaw, done: asyncio.Future[None]) -> bool:
        session = self._session
        if command.is_expired():
            self._answer(command, done, ErrorCode.COMMAND_EXPIRED)
            return False
        try:
            await session.services.directory.set_frozen(
                session.tenure, frozen=isinstance(command, Freeze)
            )
        except StoreUnavailableError:
            _log.warning("freeze_not_recorded", command=command.type)
            self._answer(command, done, ErrorCode.SERVICE_UNAVAILABLE)
            return False
        return True

    def _tell(self, happening: Happening) -> None:
        """Also when nothing changed: the snapshot may be of a process that was killed."""
        session, before = self._session, self._session.state
        session.apply(happening)
        if session.state == before:
            session.voice.status(session.state)

    def _answer(
        self, command: Freeze | Thaw, done: asyncio.Future[None], code: ErrorCode | None
    ) -> None:
        session = self._session
        _freezes.labels(command=command.type, outcome=code or "done").inc()
        session.voice.result(session.state, command.command_id, code)
        settle(done)
