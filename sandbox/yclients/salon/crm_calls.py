"""The CRM calls: what a salon's staff see and do, with the application's user token (D1)."""

from datetime import date, datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, StrictBool, StrictInt
from starlette.responses import Response

from sandbox.yclients.answers import Calls, Fields
from sandbox.yclients.envelope import Refused, refusal, success
from sandbox.yclients.operations import Operation
from sandbox.yclients.salon import shapes
from sandbox.yclients.salon.business import Business, Details
from sandbox.yclients.salon.businesses import Businesses
from sandbox.yclients.salon.records import Line, Record, Slot, salon_time
from sandbox.yclients.salon.refusals import Code, booking_refused

PAGE: Final = 50
MOST_PER_PAGE: Final = 300
CLIENTS_PER_PAGE: Final = 25
MOST_CLIENTS: Final = 200


class _OfSalon(BaseModel):
    salon_id: int


class _Filter(_OfSalon):
    """Days are the salon's, both ends included."""

    page: int = Field(default=1, ge=1)
    count: int = Field(default=PAGE, ge=1, le=MOST_PER_PAGE)
    staff_id: int | None = None
    client_id: int | None = None
    start_date: date | None = None
    end_date: date | None = None
    c_start_date: date | None = None
    c_end_date: date | None = None
    changed_after: datetime | None = None
    changed_before: datetime | None = None
    with_deleted: bool = False

    def takes(self, record: Record) -> bool:
        return (
            (self.with_deleted or not record.deleted)
            and self.staff_id in (None, record.staff_id)
            and self.client_id in (None, record.client_id)
            and _within(record.start, self.start_date, self.end_date)
            and _within(record.created, self.c_start_date, self.c_end_date)
            and (self.changed_after is None or record.changed >= salon_time(self.changed_after))
            and (self.changed_before is None or record.changed <= salon_time(self.changed_before))
        )


class _Line(BaseModel):
    id: StrictInt
    first_cost: float | None = None
    discount: float = 0
    cost: float | None = None


class _Client(BaseModel):
    phone: str
    name: str
    email: str = ""


class _Written(_OfSalon):
    """A record as a whole. ``record_id`` when there is one already."""

    record_id: int | None = None
    staff_id: StrictInt
    services: list[_Line]
    client: _Client | None = None
    save_if_busy: StrictBool = False
    datetime_: datetime = Field(alias="datetime")
    seance_length: int = Field(strict=True, gt=0)
    comment: str = ""
    api_id: str | int = ""
    attendance: Literal[-1, 0, 1, 2] = 0


class _OfRecord(_OfSalon):
    record_id: int


class _Condition(BaseModel):
    type: str
    state: dict[str, Any]


class _Search(_OfSalon):
    page: int = Field(default=1, ge=1)
    page_size: int = Field(default=CLIENTS_PER_PAGE, ge=1, le=MOST_CLIENTS)
    fields: list[str] = ["id", "name"]
    filters: list[_Condition] = []


class _Services(_OfSalon):
    service_id: int | None = None
    staff_id: int | None = None
    category_id: int | None = None


class _Staff(_OfSalon):
    staff_id: int | None = None


class _Schedule(_OfSalon):
    start_date: date
    end_date: date
    staff_ids: list[int] = []
    include: list[str] = []


class CrmCalls:
    def __init__(self, businesses: Businesses) -> None:
        self._businesses = businesses

    @property
    def calls(self) -> Calls:
        return {
            Operation.RECORDS: self._records,
            Operation.RECORD_CREATE: self._create,
            Operation.RECORD_GET: self._get,
            Operation.RECORD_CHANGE: self._change,
            Operation.RECORD_DELETE: self._delete,
            Operation.CLIENTS_SEARCH: self._search,
            Operation.SERVICES: self._services,
            Operation.STAFF: self._staff,
            Operation.SCHEDULE: self._schedule,
        }

    def _records(self, fields: Fields) -> Response:
        asked = _Filter.model_validate(fields)
        business = self._businesses.of(asked.salon_id)
        found = [each for each in business.book.records.values() if asked.takes(each)]
        found.sort(key=lambda record: (record.start, record.id))
        first = (asked.page - 1) * asked.count
        shown = found[first : first + asked.count]
        meta = {"page": asked.page, "total_count": len(found)}
        data = [shapes.record(each, business, asked.salon_id) for each in shown]
        return success(data, meta=meta)

    def _create(self, fields: Fields) -> Response:
        """Answered by a list (D1)."""
        asked = _Written.model_validate(fields)
        business = self._businesses.of(asked.salon_id)
        slot = _slot(business, asked, None)
        lines = _lines(business, asked)
        client = asked.client
        whose = business.client(client.phone, client.name, client.email) if client else None
        details = Details(asked.comment, str(asked.api_id), asked.attendance)
        record = business.add(slot, lines, whose, details)
        return success([shapes.record(record, business, asked.salon_id)], 201, [])

    def _get(self, fields: Fields) -> Response:
        business, record, salon_id = self._found(fields)
        return success(shapes.record(record, business, salon_id))

    def _change(self, fields: Fields) -> Response:
        """The whole record again; answered by 201 (D1)."""
        business, record, salon_id = self._found(fields)
        asked = _Written.model_validate(fields)
        slot = _slot(business, asked, record.id)
        business.change(
            record,
            staff_id=slot.staff_id,
            start=slot.start,
            length_s=slot.length_s,
            lines=_lines(business, asked),
            comment=asked.comment,
            api_id=str(asked.api_id) or record.api_id,
            attendance=asked.attendance,
        )
        return success(shapes.record(record, business, salon_id), 201)

    def _delete(self, fields: Fields) -> Response:
        business, record, _ = self._found(fields)
        business.cancel(record)
        return Response(status_code=204)

    def _search(self, fields: Fields) -> Response:
        """Only the fields that are asked for, and the number."""
        asked = _Search.model_validate(fields)
        business = self._businesses.of(asked.salon_id)
        found = [
            shapes.client(each)
            for each in business.book.clients.values()
            if all(_meets(shapes.client(each), condition) for condition in asked.filters)
        ]
        first = (asked.page - 1) * asked.page_size
        wanted = {"id", *asked.fields}
        data = [
            {name: value for name, value in shape.items() if name in wanted}
            for shape in found[first : first + asked.page_size]
        ]
        return success(data, meta={"total_count": len(found)})

    def _services(self, fields: Fields) -> Response:
        asked = _Services.model_validate(fields)
        catalogue = self._businesses.of(asked.salon_id).catalogue
        person = catalogue.person(asked.staff_id) if asked.staff_id else None
        found = [
            shapes.service(each, catalogue)
            for each in catalogue.services
            if asked.service_id in (None, each.id)
            and asked.category_id in (None, each.category_id)
            and (asked.staff_id is None or (person is not None and each.id in person.services))
        ]
        if asked.service_id is None:
            return success(found, meta={"total_count": len(found)})
        return _one(found, "Услуга не найдена")

    def _staff(self, fields: Fields) -> Response:
        """Also those who have left: ``fired`` says it."""
        asked = _Staff.model_validate(fields)
        found = [
            shapes.person(each, asked.salon_id)
            for each in self._businesses.of(asked.salon_id).catalogue.staff
            if asked.staff_id in (None, each.id)
        ]
        if asked.staff_id is None:
            return success(found, meta={"total_count": len(found)})
        return _one(found, "Сотрудник не найден")

    def _schedule(self, fields: Fields) -> Response:
        asked = _Schedule.model_validate(fields)
        business = self._businesses.of(asked.salon_id)
        days = business.days(asked.start_date, asked.end_date)
        with_busy = "busy_intervals" in asked.include
        data = [
            shapes.working_day(person, day, business, with_busy=with_busy)
            for person in business.catalogue.working()
            if not asked.staff_ids or person.id in asked.staff_ids
            for day in days
            if day.weekday() in person.works_on
        ]
        return success(data, meta={"count": len(data)})

    def _found(self, fields: Fields) -> tuple[Business, Record, int]:
        asked = _OfRecord.model_validate(fields)
        business = self._businesses.of(asked.salon_id)
        record = business.record(asked.record_id)
        if record is None:
            raise Refused(refusal(404, "Запись не найдена"))
        return business, record, asked.salon_id


def _one(found: list[dict[str, Any]], missing: str) -> Response:
    if not found:
        raise Refused(refusal(404, missing))
    return success(found[0])


def _slot(business: Business, asked: _Written, record_id: int | None) -> Slot:
    """Refused when it is taken, or when the length is not that of its services (O)."""
    person = business.catalogue.person(asked.staff_id)
    if person is None:
        raise booking_refused(Code.UNAVAILABLE)
    slot = Slot(person.id, salon_time(asked.datetime_), asked.seance_length)
    right = asked.seance_length == business.length_s([line.id for line in asked.services])
    free = right and business.is_free(slot, without=record_id)
    if not free and not asked.save_if_busy:
        raise booking_refused(Code.TAKEN)
    return slot


def _lines(business: Business, asked: _Written) -> list[Line]:
    lines = []
    for line, known in zip(
        asked.services, business.services([line.id for line in asked.services]), strict=True
    ):
        first = known.price_min if line.first_cost is None else line.first_cost
        cost = first * (100 - line.discount) / 100 if line.cost is None else line.cost
        lines.append(Line(id=known.id, first_cost=first, discount=line.discount, cost=cost))
    return lines


def _meets(shape: dict[str, Any], condition: _Condition) -> bool:
    """Name or number, as the search field of the journal does it (I); other filters let all in."""
    if condition.type != "quick_search":
        return True
    wanted = str(condition.state.get("value", "")).strip().lower().removeprefix("+")
    return wanted in shape["name"].lower() or wanted in shape["phone"]


def _within(moment: datetime, first: date | None, last: date | None) -> bool:
    day = salon_time(moment).date()
    return (first is None or first <= day) and (last is None or day <= last)
