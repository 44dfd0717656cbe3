"""A circuit breaker around an operation: after failures it refuses at once, then tries again."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from enum import Enum, auto
from typing import Final

import structlog

from api_service.store.breaker_record import BreakerReading, BreakerRecord, BreakerState
from shared.bus.connection import BusError
from shared.errors import AppError, ErrorCode

_log = structlog.get_logger(__name__)

TELL_S: Final = 1.0


class Verdict(Enum):
    """What an operation has shown about the health of what it used."""

    NONE = auto()
    SUCCESS = auto()
    FAILURE = auto()


class Operation:
    """Its verdict is set by whoever carries it out; without one nothing is counted."""

    verdict = Verdict.NONE


class Breaker:
    def __init__(self, record: BreakerRecord) -> None:
        self._record = record

    @contextlib.asynccontextmanager
    async def operation(self) -> AsyncIterator[Operation]:
        """Raises AppError(SERVICE_UNAVAILABLE, retry_after in seconds) while open."""
        reading = await self._record.enter()
        if not reading.admitted:
            _log.info("breaker_refused", state=reading.state.value)
            raise AppError(
                ErrorCode.SERVICE_UNAVAILABLE,
                retry_after=max(1, math.ceil(reading.wait_ms / 1000)),
            )
        operation = Operation()
        try:
            yield operation
        finally:
            await self._tell(operation.verdict)

    async def state(self) -> BreakerState:
        return (await self.read()).state

    async def read(self) -> BreakerReading:
        return await self._record.read()

    async def reset(self) -> None:
        await self._record.reset()

    async def _tell(self, verdict: Verdict) -> None:
        """Redis being away must neither hide nor delay the operation's own outcome."""
        try:
            async with asyncio.timeout(TELL_S):
                match verdict:
                    case Verdict.SUCCESS:
                        await self._record.succeeded()
                    case Verdict.FAILURE:
                        await self._record.failed()
                    case Verdict.NONE:
                        await self._record.withdrew()
        except (BusError, TimeoutError) as error:
            _log.warning("breaker_not_told", error=type(error).__name__)
