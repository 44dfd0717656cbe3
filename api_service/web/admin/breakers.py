"""Circuit breakers: their state is one for all API processes, and so is a reset."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field
from starlette.routing import BaseRoute

from api_service.core.admin.audit import Audit
from api_service.core.breaker import Breaker
from api_service.store.admin_audit import Deed
from api_service.store.breaker_record import BreakerState
from api_service.web.admin.guard import Guard, Visit
from api_service.web.admin.models import AdminAnswer, Asked
from api_service.web.openapi.operation import Answer, Operation
from api_service.web.reading import read_query
from shared.errors import AppError, ErrorCode

_TAG = "Admin: circuit breakers"


class BreakerAsked(Asked):
    """``name``: of the one to be reset; without it, all are."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z]{1,50}$")] | None = None


class BreakerReport(BaseModel):
    """``failures`` in a row while closed; ``retry_after`` in seconds."""

    state: BreakerState
    failures: int
    retry_after: int


class BreakerReports(AdminAnswer):
    circuitBreakers: dict[str, BreakerReport]  # noqa: N815 - the name on the wire


class AdminBreakers:
    """``breakers``: by their names on the wire."""

    def __init__(self, guard: Guard, breakers: Mapping[str, Breaker], audit: Audit) -> None:
        self._guard = guard
        self._breakers = breakers
        self._audit = audit

    @property
    def routes(self) -> list[BaseRoute]:
        told = [Answer(200, "All of them.", BreakerReports)]
        return [
            self._guard.reads(
                "/circuit-breaker/stats",
                self._stats,
                Operation("How the circuit breakers stand", told, _TAG),
            ),
            self._guard.changes(
                "/circuit-breaker/reset",
                self._reset,
                Operation(
                    "Close circuit breakers, for all processes",
                    told,
                    _TAG,
                    query=BreakerAsked,
                    errors=(ErrorCode.INVALID_REQUEST, ErrorCode.NOT_FOUND),
                ),
            ),
        ]

    async def _stats(self, _visit: Visit) -> BreakerReports:
        return BreakerReports(
            circuitBreakers={name: await _report(it) for name, it in self._breakers.items()}
        )

    async def _reset(self, visit: Visit) -> BreakerReports:
        name = read_query(visit.request, BreakerAsked).name
        if name is not None and name not in self._breakers:
            raise AppError(ErrorCode.NOT_FOUND)
        names = [name] if name else list(self._breakers)
        deed = Deed("breaker_reset", detail={"breakers": names})
        async with self._audit.attempt(visit.actor, deed):
            for each in names:
                await self._breakers[each].reset()
        return await self._stats(visit)


async def _report(breaker: Breaker) -> BreakerReport:
    reading = await breaker.read()
    return BreakerReport(
        state=reading.state,
        failures=reading.failures,
        retry_after=-(-reading.wait_ms // 1000),
    )
