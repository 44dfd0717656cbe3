"""What the control API takes and shows."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from sandbox.yclients.connections import Connection, Status
from sandbox.yclients.salon.business import Business
from sandbox.yclients.salon.records import Record


class Told(BaseModel):
    """``told``: whether a callback is sent."""

    told: bool = True


class Entity(BaseModel):
    """``data`` may be partial, as YClients' is (D3)."""

    resource: str
    resource_id: int
    status: str = Field(pattern="^(create|update|delete)$")
    data: Any = None


class Lifecycle(BaseModel):
    """A callback as somebody made it up; the connection stays as it is."""

    event: str
    more: dict[str, Any] = {}


class Switches(BaseModel):
    rate_limit: bool | None = None
    pending_lifetime_s: float | None = Field(default=None, gt=0)
    has_tariffs: bool | None = None


class Reset(BaseModel):
    """``salons``: whether these are forgotten, too."""

    salons: bool = False


class Visit(BaseModel):
    """Somebody books at the salon's desk. ``start`` without an offset is the salon's own time."""

    staff_id: int
    service_ids: list[int]
    start: datetime
    phone: str = "79990000001"
    name: str = "Ира"
    comment: str = ""


class Phone(BaseModel):
    phone: str = Field(pattern=r"^\d{10,15}$")


class SalonView(BaseModel):
    """``api_key`` and whole ``webhook_urls`` only here, so that a test can see what has arrived."""

    salon_id: int
    title: str
    status: Status
    api_key: str | None
    webhook_urls: list[str]
    callbacks: int
    payments: int
    discount: float | None
    channels: dict[str, bool]
    short_names: list[str]
    history: list[str]


class RecordView(BaseModel):
    """``record_hash``: only here and where it was booked."""

    id: int
    record_hash: str
    staff_id: int
    service_ids: list[int]
    start: datetime
    length_s: int
    phone: str | None
    name: str | None
    comment: str
    api_id: str
    attendance: int
    online: bool
    deleted: bool


class Offered(BaseModel):
    id: int
    title: str
    price: int
    length_s: int


class Working(BaseModel):
    id: int
    name: str
    service_ids: list[int]


class CatalogueView(BaseModel):
    services: list[Offered]
    staff: list[Working]


class Stats(BaseModel):
    """Peaks and sums since the last reset. ``refused``: calls that were over the limit."""

    calls: int
    most_in_a_second: int
    most_in_a_minute: int
    refused: int
    held: int


def view_salon(connection: Connection) -> SalonView:
    return SalonView(
        salon_id=connection.salon.salon_id,
        title=connection.salon.title,
        status=connection.status,
        api_key=connection.api_key,
        webhook_urls=connection.webhook_urls,
        callbacks=connection.callbacks,
        payments=len(connection.payments),
        discount=connection.discount,
        channels=connection.channels,
        short_names=connection.short_names,
        history=[change.status_to.value for change in connection.changes],
    )


def view_record(record: Record, business: Business) -> RecordView:
    client = business.book.clients.get(record.client_id or 0)
    return RecordView(
        **record.model_dump(exclude={"lines", "client_id", "created", "changed"}),
        service_ids=[line.id for line in record.lines],
        phone=client.phone if client else None,
        name=client.name if client else None,
    )


def view_catalogue(business: Business) -> CatalogueView:
    return CatalogueView(
        services=[
            Offered(id=each.id, title=each.title, price=each.price_min, length_s=each.length_s)
            for each in business.catalogue.services
        ],
        staff=[
            Working(id=each.id, name=each.name, service_ids=sorted(each.services))
            for each in business.catalogue.working()
        ],
    )
