"""Writes down in Postgres which device a session has and how it ended, until it is written."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import structlog

from shared.endings import ENDINGS
from whatsapp_service.store.directory import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.messages.status import Reason, SessionStatus
    from whatsapp_service.gateway.device_jid import DeviceJid
    from whatsapp_service.sessions.session import Session

    Write = Callable[[], Awaitable[None]]

_log = structlog.get_logger(__name__)

AGAIN_S: Final = 10.0


class Record:
    """Runs inside the session's mailbox. A word takes the place of one that is not written yet.

    Without it the next owner would not find the device, would come back before a ban's end, or
    end the connection of whoever has taken the session's place.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._directory = session.services.directory
        self._unwritten: Write | None = None

    async def linked(self, device: DeviceJid) -> None:
        tenure = self._session.tenure
        await self._write(lambda: self._directory.save_device(tenure, str(device), device.phone))

    async def connected(self, device: DeviceJid) -> None:
        tenure = self._session.tenure
        await self._write(lambda: self._directory.mark_connected(tenure, str(device), device.phone))

    async def ended(self, reason: Reason, until: float | None) -> None:
        """``until``: seconds since the epoch, when it is tried again by itself."""
        tenure, status = self._session.tenure, ENDINGS[reason].status

        async def write() -> None:
            left_s = None if until is None else until - time.time()
            await self._directory.mark_ended(tenure, status, reason, left_s)

        await self._write(write)

    async def forgotten(self, status: SessionStatus, reason: Reason) -> None:
        tenure = self._session.tenure
        await self._write(lambda: self._directory.forget_device(tenure, status, reason))

    @property
    def behind(self) -> bool:
        """The row is not as it should be."""
        return self._unwritten is not None

    async def catch_up(self) -> None:
        """Write what is not written yet, if Postgres is there."""
        if self._unwritten is not None:
            await self._write(self._unwritten)

    async def _write(self, write: Write) -> None:
        """Raises FencedError."""
        session = self._session
        session.timers.cancel("record")
        self._unwritten = write
        try:
            await write()
        except StoreUnavailableError:
            _log.warning("session_not_recorded", status=session.state.status)
            session.timers.set("record", AGAIN_S, lambda: session.post(self.catch_up))
        else:
            self._unwritten = None
