"""Salons: which there are, how each stands, and what can be done for one."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field
from starlette.routing import BaseRoute

from api_service.core.admin.disconnecting import Disconnecting
from api_service.core.admin.salons import SalonDesk
from api_service.store.salons import SalonFilter
from api_service.web.admin.guard import Guard, Visit
from api_service.web.admin.models import (
    AdminAnswer,
    AdminPage,
    Asked,
    Count,
    Event,
    Word,
)
from api_service.web.openapi.operation import SALON_ID, Answer, Operation
from api_service.web.reading import read_query
from shared.company_id import SalonId, parse_salon_id
from shared.errors import ErrorCode

_TAG = "Admin: salons"
BY_ID = {"salon_id": SALON_ID}
NO_SALON = (ErrorCode.INVALID_SALON_ID, ErrorCode.NOT_FOUND)


class SalonsAsked(Asked):
    """``search``: a part of the title, or the whole id."""

    status: Annotated[str, Field(pattern=r"^[a-z_]{1,50}$")] | None = None
    search: Word | None = None
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    count: Count = 50


class SalonRow(BaseModel):
    salon_id: int
    company_id: int
    title: str | None
    status: str | None
    whatsapp_connected: bool
    connection_check: str
    activation_reason: str | None
    activation_failures: int
    activation_due_at: datetime | None
    connected_at: datetime | None
    created_at: datetime | None
    updated_at: datetime | None


class Salons(AdminPage):
    salons: list[SalonRow]


class SalonCard(SalonRow):
    """A salon without its secrets: only whether they are there."""

    phone: str | None
    email: str | None
    address: str | None
    timezone: str | None
    installation: int
    whatsapp_phone: str | None
    whatsapp_connected_at: datetime | None
    marketplace_user_id: str | None
    marketplace_user_name: str | None
    marketplace_user_phone: str | None
    marketplace_user_email: str | None
    has_api_key: bool
    has_webhook_secret: bool
    activation_sent_at: datetime | None
    activation_in_hand: bool
    erase_due_at: datetime | None
    disconnected_at: datetime | None


class SessionCard(BaseModel):
    """What the WhatsApp process last said. The number is masked; ``linked`` as in health."""

    status: str
    connected: bool
    reason: str | None
    linked: bool
    phone_number: str | None
    updated_at: str | None


class Salon(AdminAnswer):
    salon: SalonCard
    session: SessionCard | None
    events: list[Event]


class Retry(AdminAnswer):
    salon_id: int
    status: str


class Disconnected(AdminAnswer):
    """``webhook_id``: of the work that is queued; null when the same waited already."""

    salon_id: int
    webhook_id: str | None


class AdminSalons:
    def __init__(self, guard: Guard, desk: SalonDesk, disconnecting: Disconnecting) -> None:
        self._guard = guard
        self._desk = desk
        self._disconnecting = disconnecting

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            self._guard.reads(
                "/salons",
                self._list,
                Operation(
                    "Salons, the newest first",
                    [Answer(200, "A page of salons.", Salons)],
                    _TAG,
                    query=SalonsAsked,
                    errors=(ErrorCode.INVALID_REQUEST,),
                ),
            ),
            self._guard.reads(
                "/salons/{salon_id}",
                self._one,
                Operation(
                    "A salon, its WhatsApp session and its last events",
                    [Answer(200, "The salon.", Salon)],
                    _TAG,
                    path=BY_ID,
                    errors=NO_SALON,
                ),
            ),
            self._guard.changes(
                "/salons/{salon_id}/disconnect",
                self._disconnect,
                Operation(
                    "Take the application out of a salon, in YClients and here",
                    [
                        Answer(
                            200,
                            "YClients has done it; ours is queued.",
                            Disconnected,
                        )
                    ],
                    _TAG,
                    "WhatsApp is logged out, credentials and keys are deleted; messages follow"
                    " after the retention time.",
                    path=BY_ID,
                    errors=(
                        *NO_SALON,
                        ErrorCode.YCLIENTS_REFUSED,
                        ErrorCode.YCLIENTS_UNAVAILABLE,
                        ErrorCode.NOT_CONFIGURED,
                    ),
                ),
            ),
            self._guard.changes(
                "/salons/{salon_id}/activation/retry",
                self._retry,
                Operation(
                    "Try a salon's activation again now",
                    [Answer(200, "It is due; `status` is that from before.", Retry)],
                    _TAG,
                    path=BY_ID,
                    errors=(
                        *NO_SALON,
                        ErrorCode.CONCURRENT_ACTIVATION,
                        ErrorCode.ACTIVATION_NOT_DUE,
                    ),
                ),
            ),
        ]

    async def _disconnect(self, visit: Visit) -> Disconnected:
        salon_id = salon_id_of(visit)
        webhook_id = await self._disconnecting.disconnect(visit.actor, salon_id)
        return Disconnected(salon_id=salon_id, webhook_id=webhook_id)

    async def _list(self, visit: Visit) -> Salons:
        asked = read_query(visit.request, SalonsAsked)
        wanted = SalonFilter(asked.status, asked.search or None)
        total, rows = await self._desk.page(wanted, asked.page, asked.count)
        salons = [SalonRow.model_validate(row) for row in rows]
        return Salons(page=asked.page, count=asked.count, total=total, salons=salons)

    async def _one(self, visit: Visit) -> Salon:
        found = await self._desk.one(salon_id_of(visit))
        return Salon(
            salon=SalonCard.model_validate(found.row),
            session=_session(found.session),
            events=[
                Event(
                    type=event["event_type"],
                    data=event["event_data"],
                    created_at=event["created_at"],
                )
                for event in found.events
            ],
        )

    async def _retry(self, visit: Visit) -> Retry:
        salon_id = salon_id_of(visit)
        status = await self._desk.retry_activation(visit.actor, salon_id)
        return Retry(salon_id=salon_id, status=status)


def salon_id_of(visit: Visit) -> SalonId:
    """Raises AppError(INVALID_SALON_ID)."""
    return parse_salon_id(visit.request.path_params["salon_id"])


def _session(report: dict[str, Any] | None) -> SessionCard | None:
    if report is None:
        return None
    return SessionCard(
        status=report["status"],
        connected=report["connected"],
        reason=report["reason"],
        linked=report["linked"],
        phone_number=report["phoneNumber"],
        updated_at=report["updatedAt"],
    )
