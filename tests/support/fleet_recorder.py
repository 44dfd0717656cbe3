"""Sees what happens to a fleet's salons: at the network, which cannot be fooled, and on the bus."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from sandbox.whatsapp_network.control_client import ControlClient
from sandbox.whatsapp_network.journal import Event
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.messages.events import AnySessionEvent
from tests.support.fleet import Fleet

LOOK_EVERY_S: Final = 0.25

Device = tuple[str, int]


@dataclass
class Presence:
    """One device at the network: ``since_ms`` when it went, None while it is there."""

    logins: int = 0
    connections: int = 0
    replaced: int = 0
    gone_ms: int | None = None
    absences_ms: list[tuple[int, int]] = field(default_factory=list)
    """Begin and end of each time without any connection."""

    def take(self, event: Event) -> None:
        if event.kind == "login":
            self.logins += 1
            self.connections += 1
            if self.gone_ms is not None:
                self.absences_ms.append((self.gone_ms, event.at_ms))
                self.gone_ms = None
        elif event.kind == "left":
            self.connections -= 1
            if self.connections == 0:
                self.gone_ms = event.at_ms
        elif event.kind == "replaced":
            self.replaced += 1

    def longest_absence_s(self, since_ms: int, until_ms: int) -> float:
        """Of those that ended, or last, after ``since_ms``."""
        absences = [*self.absences_ms]
        if self.gone_ms is not None:
            absences.append((self.gone_ms, until_ms))
        return max((end - begin for begin, end in absences if end >= since_ms), default=0) / 1000


class Recorder:
    """Begins where it is opened. Its answers are about the time since, or since `mark`."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._phones: ControlClient = fleet.phones
        self._numbers = {salon.phone: salon.session_id for salon in fleet.ground.salons}
        self._sequence = 0
        self._marked_ms = now_ms()
        self._heard = len(fleet.bus.events)
        self.presences: dict[Device, Presence] = {}

    def mark(self) -> None:
        """From here on; what was counted is forgotten."""
        self._marked_ms = now_ms()
        self._heard = len(self._fleet.bus.events)
        for presence in self.presences.values():
            presence.logins = presence.replaced = 0

    @property
    def events(self) -> list[AnySessionEvent]:
        return self._fleet.bus.events[self._heard :]

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Take in what the network has noted meanwhile, also when two look at once."""
        for event in await self._phones.events(self._sequence):
            if event.sequence <= self._sequence:
                continue
            self._sequence = event.sequence
            if event.number is not None and event.device is not None:
                device = (event.number, event.device)
                self.presences.setdefault(device, Presence()).take(event)

    async def away_s(self) -> dict[SessionId, float]:
        """For how long each salon was away from WhatsApp at most, since the mark."""
        await self.look()
        until_ms = now_ms()
        return {
            self._numbers[number]: presence.longest_absence_s(self._marked_ms, until_ms)
            for (number, _), presence in self.presences.items()
            if number in self._numbers
        }

    async def replaced(self) -> dict[SessionId, int]:
        """How often a salon's device was held twice; only those of which it is true."""
        await self.look()
        return {
            self._numbers[number]: presence.replaced
            for (number, _), presence in self.presences.items()
            if presence.replaced and number in self._numbers
        }

    async def lost(self) -> int:
        """How many logins there were: of connections that stay up there is none."""
        await self.look()
        return sum(presence.logins for presence in self.presences.values())

    def stale(self) -> list[str]:
        """Events with an older epoch than one of the same salon before them."""
        newest: Counter[SessionId] = Counter()
        stale = []
        for event in self.events:
            if event.epoch < newest[event.company_id]:
                stale.append(f"{event.type} of {event.company_id}: {event.epoch}")
            newest[event.company_id] = max(newest[event.company_id], event.epoch)
        return stale


@asynccontextmanager
async def recording(fleet: Fleet) -> AsyncIterator[Recorder]:
    recorder = Recorder(fleet)
    await recorder.look()
    recorder.mark()
    task = asyncio.create_task(recorder.run(), name="recorder")
    try:
        yield recorder
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
