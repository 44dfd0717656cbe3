"""Keeps when salons' phones were seen over restarts of the process."""

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
        """For ever; what cannot be read or kept now is tried again at the next look."""
        while True:
            await asyncio.sleep(self._look_s)
            try:
                await self._recall()
                await self._keep()
            except StoreUnavailableError:
                _log.warning("phone_sightings_not_kept")

    async def _recall(self) -> None:
        asking = [it for it in self._sessions if it.device and not it.line.phone_recalled]
        if not asking:
            return
        known = await self._directory.sightings([it.session_id for it in asking])
        for session in asking:
            line, kept_at = session.line, known.get(session.session_id)
            line.phone_recalled, line.phone_kept_at = True, kept_at
            if kept_at is not None:
                line.phone_seen_at = max(kept_at, line.phone_seen_at or kept_at)

    async def _keep(self) -> None:
        lines = {it.session_id: it.line for it in self._sessions if it.line.phone_recalled}
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
