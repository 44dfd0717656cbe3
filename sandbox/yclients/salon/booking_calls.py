"""The booking calls: what a salon's clients see and do, with the partner's token alone (D1)."""

import hmac
from datetime import date, datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, Field, StrictInt
from starlette.responses import JSONResponse, Response

from sandbox.yclients.answers import Calls, Fields
from sandbox.yclients.connections import Status
from sandbox.yclients.envelope import Refused, refusal, success
from sandbox.yclients.operations import Operation
from sandbox.yclients.salon import shapes
from sandbox.yclients.salon.business import ANYBODY, Business, Details, Wish
from sandbox.yclients.salon.businesses import Businesses
from sandbox.yclients.salon.catalogue import Staff
from sandbox.yclients.salon.records import Record

HORIZON_DAYS: Final = 30


class _Asked(BaseModel):
    salon_id: int
    service_ids: list[int] = []
    staff_id: int = ANYBODY


class _AtTime(_Asked):
    datetime_: datetime | None = Field(default=None, alias="datetime")


class _Dates(_Asked):
    date_: date | None = Field(default=None, alias="date")
    date_from: date | None = None
    date_to: date | None = None

    def days(self, business: Business) -> list[date]:
        first = self.date_ or self.date_from or business.today()
        last = self.date_ or self.date_to or first + timedelta(days=HORIZON_DAYS)
        return business.days(first, last)


class _Times(_Asked):
    date_: date = Field(alias="date")


class _Appointment(BaseModel):
    """``services`` may be left out, ``staff_id`` 0 is anybody (D1)."""

    id: StrictInt
    staff_id: StrictInt
    services: list[StrictInt] = []
    datetime_: datetime = Field(alias="datetime")


class _Check(BaseModel):
    salon_id: int
    appointments: list[_Appointment] = Field(min_length=1)

    def wishes(self) -> list[Wish]:
        return [Wish(each.staff_id, each.services, each.datetime_) for each in self.appointments]


class _Booking(_Check):
    """``email`` is required, and may be empty (O)."""

    phone: str
    fullname: str
    email: str
    comment: str = ""
    api_id: str | int = ""


class _Move(BaseModel):
    salon_id: int
    record_id: int
    datetime_: datetime = Field(alias="datetime")
    comment: str | None = None


class _Known(BaseModel):
    record_id: int
    record_hash: str
    salon_id: int | None = None
    by_user: bool = False


class BookingCalls:
    def __init__(self, businesses: Businesses) -> None:
        self._businesses = businesses

    @property
    def calls(self) -> Calls:
        return {
            Operation.COMPANY: self._company,
            Operation.BOOK_SERVICES: self._services,
            Operation.BOOK_STAFF: self._staff,
            Operation.BOOK_DATES: self._dates,
            Operation.BOOK_TIMES: self._times,
            Operation.BOOK_CHECK: self._check,
            Operation.BOOK_RECORD: self._book,
            Operation.BOOK_RECORD_MOVE: self._move,
            Operation.BOOK_RECORD_GET: self._get,
            Operation.BOOK_RECORD_DELETE: self._cancel,
        }

    def _company(self, fields: Fields) -> Response:
        asked = _Asked.model_validate(fields)
        return success(shapes.company(self._businesses.connection(asked.salon_id).salon))

    def _services(self, fields: Fields) -> Response:
        asked = _AtTime.model_validate(fields)
        business = self._businesses.of(asked.salon_id)
        offered = [
            service
            for service in business.catalogue.services
            if _able(business, asked, [*asked.service_ids, service.id])
        ]
        used = {service.category_id for service in offered}
        return success(
            {
                "events": [],
                "services": [
                    shapes.offered_service(each, of_somebody=asked.staff_id != ANYBODY)
                    for each in offered
                ],
                "category": [
                    {"id": each.id, "title": each.title, "sex": 0, "api_id": "", "weight": 0}
                    for each in business.catalogue.categories
                    if each.id in used
                ],
            },
            meta=[],
        )

    def _staff(self, fields: Fields) -> Response:
        asked = _AtTime.model_validate(fields)
        business = self._businesses.of(asked.salon_id)
        people = _able(business, asked, asked.service_ids)
        return success(
            [
                shapes.bookable_person(each, _next_day(business, each, asked.service_ids))
                for each in people
            ],
            meta=[],
        )

    def _dates(self, fields: Fields) -> Response:
        asked = _Dates.model_validate(fields)
        business = self._businesses.of(asked.salon_id)
        working = business.working_days(asked.staff_id, asked.days(business))
        free = [day for day in working if business.free(asked.staff_id, day, asked.service_ids)]
        return success(
            {
                "booking_days": _by_month(free),
                "booking_dates": [day.isoformat() for day in free],
                "working_days": _by_month(working),
                "working_dates": [day.isoformat() for day in working],
            },
            meta=[],
        )

    def _times(self, fields: Fields) -> Response:
        asked = _Times.model_validate(fields)
        business = self._businesses.of(asked.salon_id)
        length_s = business.length_s(asked.service_ids)
        return success(
            [
                {
                    "time": f"{start.hour}:{start:%M}",
                    "seance_length": length_s,
                    "sum_length": length_s,
                    "datetime": shapes.iso(start),
                }
                for start in business.free(asked.staff_id, asked.date_, asked.service_ids)
            ],
            meta=[],
        )

    def _check(self, fields: Fields) -> Response:
        asked = _Check.model_validate(fields)
        self._businesses.of(asked.salon_id).place(asked.wishes())
        return success(None, 201, [])

    def _book(self, fields: Fields) -> Response:
        asked = _Booking.model_validate(fields)
        business = self._businesses.of(asked.salon_id)
        wishes = asked.wishes()
        slots = business.place(wishes)
        client = business.client(asked.phone, asked.fullname, asked.email)
        details = Details(comment=asked.comment, api_id=str(asked.api_id), online=True)
        made = [
            business.add(slot, business.lines(wish.service_ids), client, details)
            for wish, slot in zip(wishes, slots, strict=True)
        ]
        return success(
            [
                {"id": each.id, "record_id": record.id, "record_hash": record.record_hash}
                for each, record in zip(asked.appointments, made, strict=True)
            ],
            201,
            [],
        )

    def _move(self, fields: Fields) -> Response:
        """The time and the comment, and nothing else (D1)."""
        asked = _Move.model_validate(fields)
        business = self._businesses.of(asked.salon_id)
        record = business.record(asked.record_id)
        if record is None:
            raise _no_record()
        if asked.comment is not None:
            record.comment = asked.comment
        business.move(record, asked.datetime_)
        salon = self._businesses.connection(asked.salon_id).salon
        return success(shapes.booked(record, business, salon))

    def _get(self, fields: Fields) -> Response:
        """Documented without an envelope (D1)."""
        asked = _Known.model_validate(fields)
        record, business, salon_id = self._known(asked)
        salon = self._businesses.connection(salon_id).salon
        return JSONResponse(shapes.booked(record, business, salon))

    def _cancel(self, fields: Fields) -> Response:
        asked = _Known.model_validate(fields)
        record, business, salon_id = self._known(asked)
        if not self._businesses.connection(salon_id).salon.allow_delete_record:
            raise Refused(refusal(403, "Удаление записи запрещено"))
        business.cancel(record)
        return success(None, meta=[])

    def _known(self, asked: _Known) -> tuple[Record, Business, int]:
        found = self._businesses.with_record(asked.record_id)
        if found is None:
            raise _no_record()
        connection, business = found
        record = business.record(asked.record_id)
        salon_id = connection.salon.salon_id
        if record is None or asked.salon_id not in (None, salon_id):
            raise _no_record()
        same = hmac.compare_digest(record.record_hash.encode(), asked.record_hash.encode())
        by_user = asked.by_user and connection.status is Status.ACTIVE
        if not same and not by_user:
            raise Refused(refusal(403, "Недостаточно прав"))
        return record, business, salon_id


def _no_record() -> Refused:
    return Refused(refusal(404, "Запись не найдена"))


def _able(business: Business, asked: _AtTime, service_ids: list[int]) -> list[Staff]:
    """Who can do these, and at that time if one is asked for."""
    people = business.candidates(asked.staff_id, service_ids)
    at = asked.datetime_
    if at is None:
        return people
    return [each for each in people if at in business.free(each.id, at.date(), service_ids)]


def _next_day(business: Business, person: Staff, service_ids: list[int]) -> str | None:
    today = business.today()
    for number in range(HORIZON_DAYS):
        day = today + timedelta(days=number)
        if business.free(person.id, day, service_ids):
            return day.isoformat()
    return None


def _by_month(days: list[date]) -> dict[str, list[str]] | list[Any]:
    """Months and their days, as text; ``[]`` when there are none."""
    months: dict[str, list[str]] = {}
    for day in days:
        months.setdefault(str(day.month), []).append(str(day.day))
    return months or []
