"""Moves into Postgres what Redis kept while Postgres did not answer."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from prometheus_client import Gauge

from api_service.store.kept_notifications import Kept, KeptNotifications
from shared.bus.connection import BusError
from shared.db import DatabaseError, UnstorableError
from shared.lifecycle import raise_if_cancelled

_log = structlog.get_logger(__name__)
_waiting = Gauge("notifications_kept", "Notifications that only Redis has", ["what"])

LOOK_EVERY_S: Final = 2.0
STORE_S: Final = 5.0
BATCH: Final = 100

Store = Callable[[str], Awaitable[None]]
"""Any number of times with the same text. Raises ValueError for what makes no sense."""


class KeptLater:
    """Several processes may do it at once: what is stored twice is one all the same."""

    def __init__(self, what: str, kept: KeptNotifications, store: Store) -> None:
        self._what = what
        self._kept = kept
        self._store = store

    async def run(self) -> None:
        while True:
            try:
                await self._move_all()
            except (BusError, DatabaseError, OSError, TimeoutError) as error:
                _log.info("kept_not_moved", what=self._what, error=type(error).__name__)
            raise_if_cancelled()
            await asyncio.sleep(LOOK_EVERY_S * random.uniform(0.75, 1.25))  # noqa: S311 - jitter

    async def _move_all(self) -> None:
        while batch := await self._kept.oldest(BATCH):
            _waiting.labels(what=self._what).set(await self._kept.waiting())
            for kept in batch:
                await self._move(kept)
            _log.info("kept_moved", what=self._what, number=len(batch))
        _waiting.labels(what=self._what).set(0)

    async def _move(self, kept: Kept) -> None:
        try:
            async with asyncio.timeout(STORE_S):
                await self._store(kept.text)
        except (ValueError, TypeError, LookupError, UnstorableError):
            _log.exception("kept_makes_no_sense", what=self._what, stream_id=kept.stream_id)
        await self._kept.discard(kept)
