"""Whose heart beats, as this process sees it in Redis."""

import asyncio
from collections.abc import Callable
from typing import Final

from shared.bus.connection import BusError
from shared.bus.heartbeat import Heartbeats
from shared.lifecycle import raise_if_cancelled
from whatsapp_service.owners.guard import elapsed_s

LOOK_EVERY_S: Final = 1.0
LOOK_S: Final = 2.0
REMEMBER_S: Final = 600.0
SUSPECT_S: Final = 2.5
"""After a restart of an empty Redis it takes a moment until every heart has beaten again."""


class Hearts:
    """While Redis is away nothing is known, and nobody's heart is silent."""

    def __init__(self, heartbeats: Heartbeats, *, clock_s: Callable[[], float] = elapsed_s) -> None:
        self._heartbeats = heartbeats
        self._clock_s = clock_s
        self._known_since: float | None = None
        self._looked_at = 0.0
        self._seen_at: dict[str, float] = {}
        self._steady_s: dict[str, float] = {}
        self._listed: frozenset[str] = frozenset()

    async def run(self) -> None:
        while True:
            raise_if_cancelled()
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                hearts = await self._heartbeats.all()
        except (BusError, OSError, TimeoutError):
            self._known_since = None
            return
        now = self._clock_s()
        if self._known_since is None:
            self._known_since = now
        self._looked_at = now
        beating = {name: steady for name, steady in hearts.items() if steady is not None}
        kept = {name: seen for name, seen in self._seen_at.items() if now - seen < REMEMBER_S}
        self._seen_at = {**kept, **dict.fromkeys(beating, now)}
        self._listed = frozenset(hearts)
        self._steady_s = beating

    @property
    def known(self) -> bool:
        """Redis has answered lately."""
        return self._known_since is not None

    def silent_s(self, process_id: str) -> float:
        """For how long it is certain that the heart has not beaten, since it was first asked for.

        Up to the last look: after one that was long in coming, because we stood still, nobody is
        suspect before we have looked again.

        Who was seen is remembered: an emptied Redis lists nobody until each has beaten again.
        """
        if self._known_since is None:
            return 0.0
        seen_at = self._seen_at.setdefault(process_id, self._clock_s())
        return max(0.0, self._looked_at - max(self._known_since, seen_at))

    def silent_for(self, silent_s: float) -> list[str]:
        """Those on Redis' list of who should be there."""
        return [name for name in self._listed if self.silent_s(name) > silent_s]

    def suspect(self, process_id: str) -> bool:
        return self.silent_s(process_id) >= SUSPECT_S

    def steadiest_s(self, but: str) -> float:
        """For how long one of the others has been renewing its lease without a failure."""
        if self._known_since is None:
            return 0.0
        return max((s for name, s in self._steady_s.items() if name != but), default=0.0)

    async def strike_off(self, process_id: str) -> None:
        """It is dead: nobody waits for its answer any more."""
        try:
            async with asyncio.timeout(LOOK_S):
                await self._heartbeats.strike_off(process_id)
        except (BusError, OSError, TimeoutError):
            return
