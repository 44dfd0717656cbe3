"""Lets go of what must not be kept: data of salons that have left, old notifications, old keys."""

import asyncio
import random
from typing import Final

import structlog
from prometheus_client import Counter

from api_service.core import collector
from api_service.store.activations import forget_doubts
from api_service.store.entity_hints import trim_hints, trim_notifications
from api_service.store.lifecycle import Erasure, erase_next
from api_service.store.marketplace_events import add_marketplace_event
from api_service.store.webhooks import forget_old_webhooks
from shared.db import Connection, DatabaseError, Pool, in_transaction
from shared.lifecycle import raise_if_cancelled

_log = structlog.get_logger(__name__)
_erased = Counter("salons_erased_total", "Salons whose data were erased after they had left")

LOOK_EVERY_S: Final = 60.0
HINTS_DAYS: Final = 30
"""What nobody has fetched by then is found by the next whole synchronisation."""
WEBHOOKS_DAYS: Final = 90
"""Longer than anybody repeats one: the unique row is what keeps it from being done twice."""


class Erasing:
    def __init__(self, database: Pool) -> None:
        self._database = database

    async def run(self) -> None:
        while True:
            try:
                await self._look()
            except (DatabaseError, TimeoutError) as error:
                _log.warning("not_erased", error=type(error).__name__)
            raise_if_cancelled()
            await asyncio.sleep(LOOK_EVERY_S * random.uniform(0.75, 1.25))  # noqa: S311 - jitter

    async def _look(self) -> None:
        while erasure := await in_transaction(self._database, _erase):
            _erased.inc()
            _log.info("data_erased", salon_id=erasure.salon_id)
        async with self._database.connection() as connection:
            await trim_notifications(connection, collector.DAYS, collector.NUMBER)
            await trim_hints(connection, HINTS_DAYS)
            await forget_old_webhooks(connection, WEBHOOKS_DAYS)
            await forget_doubts(connection)


async def _erase(connection: Connection) -> Erasure | None:
    """With its event, or not at all."""
    erasure = await erase_next(connection)
    if erasure is not None:
        data = {"installation": erasure.installation}
        await add_marketplace_event(
            connection, erasure.company_id, erasure.salon_id, "data_erased", data
        )
    return erasure
