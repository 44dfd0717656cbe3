"""Whether the library's store answers: it may be another server than ours, or behind a pooler."""

import asyncio
from typing import Final

import structlog
from prometheus_client import Gauge

from shared.db import Pool, measure_latency_ms

_log = structlog.get_logger(__name__)
_answers = Gauge("credential_store_answers", "1: the library's store answers, 0: it does not")

LOOK_EVERY_S: Final = 10.0
LOOK_AGAIN_S: Final = 1.0


class StoreWatch:
    """``answers``: at the last look; None before the first."""

    def __init__(self, credentials: Pool) -> None:
        self._credentials = credentials
        self.answers: bool | None = None

    async def run(self) -> None:
        """For ever. Sessions stay open without their store, and can neither read nor be opened."""
        while True:
            self._note(answers=await measure_latency_ms(self._credentials) is not None)
            await asyncio.sleep(LOOK_EVERY_S if self.answers else LOOK_AGAIN_S)

    def _note(self, *, answers: bool) -> None:
        before, self.answers = self.answers, answers
        _answers.set(answers)
        if before and not answers:
            _log.error("credential_store_lost")
        elif answers and before is False:
            _log.info("credential_store_back")
