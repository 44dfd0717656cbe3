"""Notifications that Postgres refuses, and that Redis keeps."""

import re
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, Field
from starlette.routing import BaseRoute

from api_service.core.admin.aside_desk import AsideDesk
from api_service.web.admin.guard import Guard, Visit
from api_service.web.admin.models import AdminAnswer, Asked, Count
from api_service.web.admin.webhooks import Replayed
from api_service.web.openapi.operation import Answer, Operation
from api_service.web.reading import read_query
from shared.errors import AppError, ErrorCode

_TAG: Final = "Admin: webhooks"
_ID: Final = r"[0-9]{1,15}-[0-9]{1,15}"


class AsideAsked(Asked):
    """``after``: only those behind that one, to read on."""

    after: Annotated[str, Field(pattern=f"^{_ID}$")] | None = None
    count: Count = 50


class AsideTold(BaseModel):
    """``reason``: what Postgres said against it, by the kind of error."""

    id: str
    webhook_id: str
    salon_id: int
    event_type: str
    received_at: datetime
    reason: str


class AsideList(AdminAnswer):
    """``next``: what to ask for as ``after``; null at the end."""

    set_aside: list[AsideTold]
    next: str | None


class AdminSetAside:
    def __init__(self, guard: Guard, desk: AsideDesk) -> None:
        self._guard = guard
        self._desk = desk

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            self._guard.reads(
                "/set-aside",
                self._list,
                Operation(
                    "Notifications that Postgres refuses, the oldest first",
                    [Answer(200, "Without what was in them.", AsideList)],
                    _TAG,
                    "Each is tried again once an hour.",
                    query=AsideAsked,
                    errors=(ErrorCode.INVALID_REQUEST,),
                ),
            ),
            self._guard.changes(
                "/set-aside/{id}/replay",
                self._replay,
                Operation(
                    "Try to store such a notification again",
                    [Answer(200, "It waits to be stored.", Replayed)],
                    _TAG,
                    "One that Postgres still refuses is soon set aside again.",
                    path={"id": {"type": "string", "pattern": f"^{_ID}$"}},
                    errors=(ErrorCode.INVALID_REQUEST, ErrorCode.NOT_FOUND),
                ),
            ),
        ]

    async def _list(self, visit: Visit) -> AsideList:
        asked = read_query(visit.request, AsideAsked)
        found = await self._desk.page(asked.count + 1, asked.after)
        shown = found[: asked.count]
        return AsideList(
            set_aside=[AsideTold.model_validate(it, from_attributes=True) for it in shown],
            next=shown[-1].id if len(found) > asked.count else None,
        )

    async def _replay(self, visit: Visit) -> Replayed:
        stream_id = visit.request.path_params["id"]
        if not re.fullmatch(_ID, stream_id):
            raise AppError(ErrorCode.INVALID_REQUEST)
        row = await self._desk.replay(visit.actor, stream_id)
        return Replayed(webhook_id=row.webhook_id, salon_id=row.salon_id)
