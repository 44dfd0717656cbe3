"""The record of changes, for superadmins."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field
from starlette.routing import BaseRoute

from api_service.core.admin.audit import Audit
from api_service.store.admin_audit import AuditFilter, Outcome
from api_service.web.admin.guard import Guard, Visit
from api_service.web.admin.models import AdminAnswer, Asked, Count, Id, Word
from api_service.web.openapi.operation import Answer, Operation
from api_service.web.reading import read_query
from shared.company_id import SalonId
from shared.errors import ErrorCode


class RecordsAsked(Asked):
    """``before``: only records older than that one, to read on."""

    before: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    salon_id: Id | None = None
    actor: Word | None = None
    outcome: Outcome | None = None
    count: Count = 50


class Record(BaseModel):
    id: int
    actor: str
    role: str
    address: str
    action: str
    salon_id: int | None
    detail: dict[str, Any]
    outcome: Outcome
    created_at: datetime
    finished_at: datetime | None


class Records(AdminAnswer):
    """``next``: what to ask for as ``before``; null at the end."""

    records: list[Record]
    next: int | None


class AdminAudit:
    def __init__(self, guard: Guard, audit: Audit) -> None:
        self._guard = guard
        self._audit = audit

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            self._guard.reads_all(
                "/audit",
                self._records,
                Operation(
                    "Who changed what, when, from where, and how it ended",
                    [Answer(200, "The newest first.", Records)],
                    "Admin: audit",
                    query=RecordsAsked,
                    errors=(ErrorCode.INVALID_REQUEST,),
                ),
            )
        ]

    async def _records(self, visit: Visit) -> Records:
        asked = read_query(visit.request, RecordsAsked)
        salon_id = SalonId(asked.salon_id) if asked.salon_id else None
        wanted = AuditFilter(asked.before, salon_id, asked.actor, asked.outcome)
        found = await self._audit.records(wanted, asked.count + 1)
        shown = found[: asked.count]
        return Records(
            records=[Record.model_validate(it, from_attributes=True) for it in shown],
            next=shown[-1].id if len(found) > asked.count else None,
        )
