"""Asks YClients of frozen salons whether they were paid for: it does not tell by itself."""

import asyncio
import random
from collections.abc import Callable
from typing import Final

import structlog

from api_service.core.freezing import AskConnection
from api_service.core.notifications import THAW
from api_service.store.lifecycle import claim_thaw_checks
from api_service.store.webhooks import add_job
from api_service.yclients.errors import YclientsError
from api_service.yclients.models import ConnectionStatus
from shared.company_id import SalonId
from shared.db import DatabaseError, Pool
from shared.lifecycle import raise_if_cancelled
from shared.observability import capture

_log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 5.0
AGAIN_IN_S: Final = 600.0
BATCH: Final = 5


class ThawWatch:
    """``on_job`` is called when the queue has something to do."""

    def __init__(
        self, database: Pool, marketplace: AskConnection, on_job: Callable[[], None]
    ) -> None:
        self._database = database
        self._marketplace = marketplace
        self._on_job = on_job

    async def run(self) -> None:
        while True:
            try:
                await self._look()
            except (DatabaseError, TimeoutError) as error:
                _log.warning("frozen_salons_not_read", error=type(error).__name__)
            raise_if_cancelled()
            await asyncio.sleep(LOOK_EVERY_S * random.uniform(0.75, 1.25))  # noqa: S311 - jitter

    async def _look(self) -> None:
        while salons := await self._due():
            for salon_id in salons:
                raise_if_cancelled()
                await self._ask(salon_id)

    async def _due(self) -> list[SalonId]:
        async with self._database.connection() as connection:
            return await claim_thaw_checks(connection, BATCH, AGAIN_IN_S)

    async def _ask(self, salon_id: SalonId) -> None:
        """No answer is no answer: it is asked again in ten minutes."""
        if await self._status(salon_id) is not ConnectionStatus.ACTIVE:
            return
        async with self._database.connection() as connection:
            await add_job(connection, salon_id, THAW, "polling")
        self._on_job()

    async def _status(self, salon_id: SalonId) -> ConnectionStatus | None:
        """None for want of an answer; one that nobody has thought of concerns this salon alone."""
        try:
            return (await self._marketplace.connection(salon_id, background=True)).status
        except YclientsError as error:
            _log.info("frozen_salon_not_asked", salon_id=salon_id, reason=error.reason)
        except Exception as error:  # noqa: BLE001 - one salon is a failure domain
            _log.exception("frozen_salon_not_asked", salon_id=salon_id)
            capture(error, operation="thaw watch", salon_id=str(salon_id))
        return None
