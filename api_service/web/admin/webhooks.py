"""The queue of YClients' notifications."""

import re
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field
from starlette.routing import BaseRoute

from api_service.core.admin.webhook_desk import WebhookDesk, WebhookFilter
from api_service.web.admin.guard import Guard, Visit
from api_service.web.admin.models import AdminAnswer, Asked, Count, Id
from api_service.web.openapi.operation import Answer, Operation
from api_service.web.reading import read_query
from shared.company_id import SalonId
from shared.errors import AppError, ErrorCode

_TAG: Final = "Admin: webhooks"
_ID: Final = "[0-9A-Za-z_-]{1,64}"

State = Literal["queued", "done", "failed", "recorded"]


class WebhooksAsked(Asked):
    """``before``: only older ones than that, to read on."""

    state: State | None = None
    salon_id: Id | None = None
    before: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    count: Count = 50


class WebhookTold(BaseModel):
    """``step``: the last one that was finished; ``source``: who has told of it."""

    id: int
    webhook_id: str
    salon_id: int
    event_type: str
    installation: int
    source: str
    state: State
    step: str | None
    attempts: int
    due_at: datetime
    reason: str | None
    received_at: datetime
    done_at: datetime | None


class Webhooks(AdminAnswer):
    """``next``: what to ask for as ``before``; null at the end."""

    webhooks: list[WebhookTold]
    next: int | None


class Replayed(AdminAnswer):
    webhook_id: str
    salon_id: int


class AdminWebhooks:
    def __init__(self, guard: Guard, desk: WebhookDesk) -> None:
        self._guard = guard
        self._desk = desk

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            self._guard.reads(
                "/webhooks",
                self._list,
                Operation(
                    "Notifications, the newest first",
                    [Answer(200, "Without what was in them.", Webhooks)],
                    _TAG,
                    query=WebhooksAsked,
                    errors=(ErrorCode.INVALID_REQUEST,),
                ),
            ),
            self._guard.changes(
                "/webhooks/{webhook_id}/replay",
                self._replay,
                Operation(
                    "Carry a notification out again, from its first step",
                    [Answer(200, "It is queued.", Replayed)],
                    _TAG,
                    "It has no effect on a salon that was connected anew meanwhile. 404 also for"
                    " one that waits anyway, or was only recorded.",
                    path={"webhook_id": {"type": "string", "pattern": f"^{_ID}$"}},
                    errors=(ErrorCode.INVALID_REQUEST, ErrorCode.NOT_FOUND),
                ),
            ),
        ]

    async def _list(self, visit: Visit) -> Webhooks:
        asked = read_query(visit.request, WebhooksAsked)
        salon_id = SalonId(asked.salon_id) if asked.salon_id else None
        wanted = WebhookFilter(asked.state, salon_id, asked.before)
        found = await self._desk.page(wanted, asked.count + 1)
        shown = found[: asked.count]
        return Webhooks(
            webhooks=[WebhookTold.model_validate(it, from_attributes=True) for it in shown],
            next=shown[-1].id if len(found) > asked.count else None,
        )

    async def _replay(self, visit: Visit) -> Replayed:
        webhook_id = visit.request.path_params["webhook_id"]
        if not re.fullmatch(_ID, webhook_id):
            raise AppError(ErrorCode.INVALID_REQUEST)
        salon_id = await self._desk.replay(visit.actor, webhook_id)
        return Replayed(webhook_id=webhook_id, salon_id=salon_id)
