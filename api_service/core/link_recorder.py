"""Writes down which salons are linked, as their sessions tell, and has them activated.

The bus tells every API process everything, and may tell it twice or late; the row is written once.
What was told while no API process was there is found by asking the snapshots. Of a link that has
ended for good it is written down that its owner is invited to link again (`relink_invited`).
"""

import asyncio
import itertools
import random
from typing import Final

import structlog
from prometheus_client import Counter

from api_service.core.activations import Activations
from api_service.store.activations import note_connected, note_logged_out, waiting_for_whatsapp
from api_service.store.invitations import note_ended, still_linked
from shared.bus.connection import BusError
from shared.bus.snapshots import Snapshots
from shared.company_id import SalonId, SessionId, salon_id_of, session_id_of
from shared.db import Connection, DatabaseError, Pool
from shared.endings import ENDINGS, invites
from shared.failures import known_reason
from shared.lifecycle import raise_if_cancelled
from shared.messages.events import AnySessionEvent, Connected, Disconnected, Logout
from shared.messages.snapshot import Snapshot
from shared.messages.status import Reason

_log = structlog.get_logger(__name__)
_invited = Counter("relink_invitations_total", "Owners invited to link again", ["reason"])

LOOK_EVERY_S: Final = 60.0
LOOK_AT_ALL_EVERY: Final = 5
"""Looks: it reads every snapshot."""
BATCH: Final = 500
RETRY_S: Final = 2.0
WRITE_S: Final = 5.0
_AWAY: Final = (BusError, OSError, DatabaseError, TimeoutError)


LinkNews = Connected | Disconnected | Logout


class LinkRecorder:
    def __init__(self, database: Pool, snapshots: Snapshots, activations: Activations) -> None:
        self._database = database
        self._snapshots = snapshots
        self._activations = activations
        self._told: dict[SessionId, LinkNews] = {}
        self._anything = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Salons whose newest word is not written yet."""
        return len(self._told)

    def take(self, event: AnySessionEvent) -> None:
        """The newest word of a salon replaces the one before."""
        if not isinstance(event, LinkNews):
            return
        if not isinstance(event, Disconnected) or invites(known_reason(event.reason)):
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
        for look in itertools.count():
            await self._look()
            if look % LOOK_AT_ALL_EVERY == 0:
                await self._look_for_endings()
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
            session_id, event = next(iter(self._told.items()))
            try:
                async with asyncio.timeout(WRITE_S):
                    await self._write(salon_id_of(session_id), event)
            except (DatabaseError, TimeoutError) as error:
                _log.warning("link_not_recorded", waiting=self.waiting, error=type(error).__name__)
                self._told[session_id] = self._told.pop(session_id)  # others go first
                await asyncio.sleep(RETRY_S)
            else:
                if self._told[session_id] is event:
                    del self._told[session_id]

    async def _write(self, salon_id: SalonId, event: LinkNews) -> None:
        if isinstance(event, Connected):
            await self._note_connected(salon_id, event.phone_number)
            return
        reason = known_reason(event.reason)
        async with self._database.connection() as connection:
            if reason is not None and invites(reason):
                await self._note_ended(connection, salon_id, reason)
            else:
                await note_logged_out(connection, salon_id)

    async def _note_ended(self, connection: Connection, salon_id: SalonId, reason: Reason) -> None:
        if await note_ended(connection, salon_id, reason):
            _invited.labels(reason=reason).inc()
            _log.info("relink_invited", salon_id=salon_id, reason=reason)

    async def _note_connected(self, salon_id: SalonId, phone: str) -> None:
        async with self._database.connection() as connection:
            link = await note_connected(connection, salon_id, phone)
        if link is None:
            return
        if link.due:
            self._activations.attempt(salon_id)
        else:
            await self._activations.tell(salon_id, link.status)

    async def _look(self) -> None:
        """The first that fails ends the look: the others are looked at by the next one."""
        try:
            async with self._database.connection() as connection:
                waiting = await waiting_for_whatsapp(connection, BATCH)
            for salon_id in waiting:
                await self.note_present(salon_id)
        except _AWAY as error:
            _log.warning("links_not_looked_at", error=type(error).__name__)

    async def _look_for_endings(self) -> None:
        """Which links have ended for good while nobody listened."""
        try:
            ended = [
                salon_id_of(snapshot.company_id)
                async for snapshot in self._snapshots.all()
                if _ending_of(snapshot) is not None
            ]
            async with self._database.connection() as connection:
                unrecorded = await still_linked(connection, ended)
            for salon_id in unrecorded:
                await self._note_if_ended(salon_id)
        except _AWAY as error:
            _log.warning("endings_not_looked_for", error=type(error).__name__)

    async def _note_if_ended(self, salon_id: SalonId) -> None:
        """Asked anew: it may have been linked again meanwhile."""
        state = await self._snapshots.present_state(session_id_of(salon_id))
        if (reason := _ending_of(state.snapshot)) is not None:
            async with self._database.connection() as connection:
                await self._note_ended(connection, salon_id, reason)


def _ending_of(snapshot: Snapshot | None) -> Reason | None:
    """Of a link that has ended for good, and whose owner is to be invited."""
    if snapshot is None or snapshot.reason is None or not invites(snapshot.reason):
        return None
    return snapshot.reason if snapshot.status is ENDINGS[snapshot.reason].status else None
