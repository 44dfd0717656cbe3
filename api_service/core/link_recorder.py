"""Writes down which salons are linked, as their sessions tell, and has them activated.

The bus tells every API process everything, and may tell it twice or late; the row is written once.
What was told while no API process was there is found by asking the snapshots.
"""

import asyncio
import contextlib
import random
from typing import Final

import structlog

from api_service.core.activations import Activations
from api_service.store.activations import note_connected, note_logged_out, waiting_for_whatsapp
from shared.bus.connection import BusError
from shared.bus.snapshots import Snapshots
from shared.company_id import SalonId, SessionId, salon_id_of, session_id_of
from shared.db import DatabaseError, Pool
from shared.lifecycle import raise_if_cancelled
from shared.messages.events import AnySessionEvent, Connected, Logout

_log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 60.0
BATCH: Final = 500
RETRY_S: Final = 2.0
WRITE_S: Final = 5.0


class LinkRecorder:
    def __init__(self, database: Pool, snapshots: Snapshots, activations: Activations) -> None:
        self._database = database
        self._snapshots = snapshots
        self._activations = activations
        self._told: dict[SessionId, Connected | Logout] = {}
        self._anything = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Salons whose newest word is not written yet."""
        return len(self._told)

    def take(self, event: AnySessionEvent) -> None:
        """The newest word of a salon replaces the one before."""
        if isinstance(event, Connected | Logout):
            self._told.pop(event.company_id, None)
            self._told[event.company_id] = event
            self._anything.set()

    async def run(self) -> None:
        while True:
            raise_if_cancelled()
            await self._anything.wait()
            self._anything.clear()
            await self._write_all()

    async def look(self) -> None:
        """Ask again and again how the salons stand that wait for WhatsApp."""
        while True:
            await self._look()
            raise_if_cancelled()
            await asyncio.sleep(LOOK_EVERY_S * random.uniform(0.75, 1.25))  # noqa: S311 - jitter

    async def note_present(self, salon_id: SalonId) -> None:
        """Write down that the salon is connected, if it is.

        Raises what the database and Redis raise.
        """
        state = await self._snapshots.present_state(session_id_of(salon_id))
        snapshot = state.snapshot
        if snapshot is not None and snapshot.connected and snapshot.phone_number is not None:
            await self._note_connected(salon_id, snapshot.phone_number)

    async def _write_all(self) -> None:
        while self._told:
            session_id = next(iter(self._told))
            event = self._told.pop(session_id)
            try:
                async with asyncio.timeout(WRITE_S):
                    await self._write(salon_id_of(session_id), event)
            except (DatabaseError, TimeoutError) as error:
                self._told.setdefault(session_id, event)
                _log.warning("link_not_recorded", waiting=self.waiting, error=type(error).__name__)
                await asyncio.sleep(RETRY_S)

    async def _write(self, salon_id: SalonId, event: Connected | Logout) -> None:
        if isinstance(event, Connected):
            await self._note_connected(salon_id, event.phone_number)
            return
        async with self._database.connection() as connection:
            await note_logged_out(connection, salon_id)

    async def _note_connected(self, salon_id: SalonId, phone: str) -> None:
        async with self._database.connection() as connection:
            due = await note_connected(connection, salon_id, phone)
        if due:
            self._activations.attempt(salon_id)

    async def _look(self) -> None:
        with contextlib.suppress(BusError, OSError, DatabaseError, TimeoutError):
            async with self._database.connection() as connection:
                waiting = await waiting_for_whatsapp(connection, BATCH)
            for salon_id in waiting:
                await self.note_present(salon_id)
