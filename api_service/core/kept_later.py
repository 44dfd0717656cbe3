"""Moves into Postgres what Redis kept while Postgres did not answer.

What Postgres refuses holds nothing up: it rests while others go. It is at fault only when a
notification that is in order could be stored in the same moment; so refused again and again, it is
set aside, where it is tried once an hour, and whenever an operator asks for it.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog
from prometheus_client import Counter, Gauge

from api_service.store.kept_notifications import Kept, KeptNotifications
from shared.bus.connection import BusError
from shared.company_id import SalonId
from shared.db import DatabaseError, may_pass
from shared.lifecycle import raise_if_cancelled

_log = structlog.get_logger(__name__)
_waiting = Gauge("notifications_kept", "Notifications that only Redis has", ["what"])
_aside = Gauge("notifications_aside", "Notifications that Postgres refuses, set aside", ["what"])
_set_aside = Counter(
    "notifications_set_aside_total", "Notifications set aside: Postgres refused them", ["what"]
)

LOOK_EVERY_S: Final = 2.0
STORE_S: Final = 5.0
BATCH: Final = 100
REFUSALS: Final = 5
"""So often Postgres refuses one, while it takes others, before it is set aside."""
AGAIN_S: Final = 30.0
"""So long rests what was refused, and then is tried again."""
ASIDE_AGAIN_S: Final = 3600.0
NO_SALON: Final = SalonId(0)
"""Whom a probe is about."""


class Store(Protocol):
    """Where the notifications go. Both methods raise what the database raises."""

    async def store_kept(self, text: str) -> None:
        """Any number of times with the same text. Raises ValueError for what makes no sense."""

    async def take_probe(self) -> None:
        """Return when one that is in order could be stored now. It leaves nothing behind."""


class KeptLater:
    """Several processes may do it at once: what is stored twice is one all the same."""

    def __init__(
        self, what: str, kept: KeptNotifications, store: Store, again_s: float = AGAIN_S
    ) -> None:
        self._what = what
        self._kept = kept
        self._store = store
        self._again_s = again_s
        self._resting: dict[str, float] = {}
        self._aside_again_at = 0.0

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except (BusError, DatabaseError, OSError, TimeoutError) as error:
                _log.info("kept_not_moved", what=self._what, error=type(error).__name__)
            raise_if_cancelled()
            await asyncio.sleep(LOOK_EVERY_S * random.uniform(0.75, 1.25))  # noqa: S311 - jitter

    async def look(self) -> None:
        """Move what can be moved. Raises what Redis raises, and the database when it is away."""
        _waiting.labels(what=self._what).set(await self._kept.waiting())
        _aside.labels(what=self._what).set(await self._kept.aside.waiting())
        if moved := await self._each(self._kept, self._move):
            _log.info("kept_moved", what=self._what, number=moved)
            _waiting.labels(what=self._what).set(await self._kept.waiting())
        self._resting = {name: at for name, at in self._resting.items() if at > _now()}
        if _now() >= self._aside_again_at:
            self._aside_again_at = _now() + ASIDE_AGAIN_S * random.uniform(0.75, 1.25)  # noqa: S311 - jitter
            if taken := await self._each(self._kept.aside, self._move_from_aside):
                _log.info("set_aside_moved", what=self._what, number=taken)

    async def _each(self, kept: KeptNotifications, move: Callable[[Kept], Awaitable[bool]]) -> int:
        """How many of them were moved, the oldest first; what stays is in nobody's way."""
        moved, after = 0, None
        while batch := await kept.oldest(BATCH, after):
            for each in batch:
                moved += await move(each)
            after = batch[-1].stream_id
        return moved

    async def _move(self, kept: Kept) -> bool:
        if self._resting.get(kept.stream_id, 0.0) > _now():
            return False
        try:
            await self._put(kept)
        except (DatabaseError, TimeoutError) as error:
            await self._refused(kept, error)
            return False
        await self._kept.discard(kept)
        return True

    async def _move_from_aside(self, kept: Kept) -> bool:
        try:
            await self._put(kept)
        except DatabaseError as error:
            if may_pass(error):
                raise
            return False
        await self._kept.aside.discard(kept)
        return True

    async def _put(self, kept: Kept) -> None:
        try:
            async with asyncio.timeout(STORE_S):
                await self._store.store_kept(kept.text)
        except (ValueError, TypeError, LookupError):
            _log.exception("kept_makes_no_sense", what=self._what, stream_id=kept.stream_id)

    async def _refused(self, kept: Kept, error: Exception) -> None:
        """Raises when nothing else could be stored either: Postgres is away, or all wrong."""
        async with asyncio.timeout(STORE_S):
            await self._store.take_probe()
        if may_pass(error) or isinstance(error, TimeoutError):
            return
        self._resting[kept.stream_id] = _now() + self._again_s
        times = await self._kept.note_refusal(kept)
        reason = type(error).__name__
        if times >= REFUSALS and await self._kept.set_aside(kept, reason):
            _set_aside.labels(what=self._what).inc()
            _log.error("kept_set_aside", what=self._what, stream_id=kept.stream_id, reason=reason)


def _now() -> float:
    return asyncio.get_running_loop().time()
