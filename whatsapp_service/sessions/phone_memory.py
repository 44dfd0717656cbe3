"""Keeps when salons' phones were seen, for their sessions' next owners."""

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog

from whatsapp_service.sessions.session import Session
from whatsapp_service.store.directory import Directory, StoreUnavailableError

_log = structlog.get_logger(__name__)

LOOK_S: Final = 5.0
KEEP_S: Final = 600.0
"""What is kept may be that much older than the truth."""


class PhoneMemory:
    """One statement for all salons concerned, and none when there is no news."""

    def __init__(
        self, sessions: Iterable[Session], directory: Directory, look_s: float = LOOK_S
    ) -> None:
        self._sessions = sessions
        self._directory = directory
        self._look_s = look_s

    async def run(self) -> None:
        """For ever; what cannot be kept now is tried again at the next look."""
        while True:
            await asyncio.sleep(self._look_s)
            try:
                await self._keep()
            except StoreUnavailableError:
                _log.warning("phone_sightings_not_kept")

    async def _keep(self) -> None:
        lines = {it.session_id: it.line for it in self._sessions if it.device}
        news = {
            session_id: line.phone_seen_at
            for session_id, line in lines.items()
            if line.phone_seen_at and line.phone_seen_at - (line.phone_kept_at or 0) > KEEP_S
        }
        if not news:
            return
        await self._directory.keep_sightings(news)
        for session_id, seen_at in news.items():
            lines[session_id].phone_kept_at = seen_at
