"""One salon at work: free times, bookings, and the news that each change makes."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from sandbox.yclients.salon.catalogue import Catalogue, Service, Staff
from sandbox.yclients.salon.records import (
    SALON_TIME,
    Book,
    Client,
    Line,
    Record,
    Slot,
    new_hash,
    salon_time,
)
from sandbox.yclients.salon.refusals import Code, booking_refused

STEP_S: Final = 1800
MOST_DAYS: Final = 366
ANYBODY: Final = 0
PHONE: Final = re.compile(r"\d{10,15}")

News = Callable[[str, int, str], None]
"""``(resource, its id, create|update|delete)``."""


class Wish(NamedTuple):
    """An appointment as it is asked for. ``staff_id`` 0 is anybody."""

    staff_id: int
    service_ids: list[int]
    start: datetime


class Details(NamedTuple):
    comment: str = ""
    api_id: str = ""
    attendance: int = 0
    online: bool = False


class Business:
    """Refuses by raising ``Refused``; every change is told by ``on_news`` after it was made."""

    def __init__(
        self, catalogue: Catalogue, book: Book, clock_s: Callable[[], float], on_news: News
    ) -> None:
        self.catalogue = catalogue
        self.book = book
        self._clock_s = clock_s
        self._on_news = on_news

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock_s(), SALON_TIME)

    def today(self) -> date:
        return self.now().date()

    def length_s(self, service_ids: list[int]) -> int:
        """Of these services one after the other; of none: one step."""
        return sum(service.length_s for service in self.services(service_ids)) or STEP_S

    def services(self, service_ids: list[int]) -> list[Service]:
        found = [self.catalogue.service(service_id) for service_id in service_ids]
        known = [service for service in found if service is not None]
        if len(known) != len(found):
            raise booking_refused(Code.UNAVAILABLE)
        return known

    def candidates(self, staff_id: int, service_ids: list[int]) -> list[Staff]:
        """Who could do this: the one who is asked for, or all who can."""
        able = self.catalogue.who_does(service_ids)
        return able if staff_id == ANYBODY else [each for each in able if each.id == staff_id]

    def free(self, staff_id: int, day: date, service_ids: list[int]) -> list[datetime]:
        """When an appointment can begin on that day, in order."""
        length_s = self.length_s(service_ids)
        taken = self.book.taken()
        starts = {
            start
            for person in self.candidates(staff_id, service_ids)
            for start in _starts(person, day, length_s)
            if self._fits(Slot(person.id, start, length_s), taken)
        }
        return sorted(starts)

    def working_days(self, staff_id: int, days: list[date]) -> list[date]:
        people = self.candidates(staff_id, [])
        return [day for day in days if any(day.weekday() in each.works_on for each in people)]

    def days(self, first: date, last: date) -> list[date]:
        """Both included; never more than a year."""
        count = min((last - first).days + 1, MOST_DAYS)
        return [first + timedelta(days=number) for number in range(max(0, count))]

    def hours(self, person: Staff, day: date) -> tuple[datetime, datetime]:
        return _hours(person, day)

    def place(self, wishes: list[Wish]) -> list[Slot]:
        """Where each of these would go; refused when one cannot."""
        slots: list[Slot] = []
        for wish in wishes:
            slot = self._place(wish, self.book.taken())
            if any(slot.overlaps(other) for other in slots):
                raise booking_refused(Code.OVERLAP)
            slots.append(slot)
        return slots

    def client(self, phone: str, name: str, email: str) -> Client:
        """Whoever has that number, or somebody new."""
        digits = phone.strip().removeprefix("+")
        if not PHONE.fullmatch(digits):
            raise booking_refused(Code.BAD_PHONE)
        if not name.strip():
            raise booking_refused(Code.NO_NAME)
        if digits in self.book.blacklist:
            raise booking_refused(Code.BLACKLISTED)
        known = self.book.client_of(digits)
        if known is not None:
            return known
        client = Client(id=self.book.next_id(), name=name.strip(), phone=digits, email=email)
        self.book.clients[client.id] = client
        self._on_news("client", client.id, "create")
        return client

    def lines(self, service_ids: list[int]) -> list[Line]:
        return [
            Line(id=service.id, first_cost=service.price_min, cost=service.price_min)
            for service in self.services(service_ids)
        ]

    def add(self, slot: Slot, lines: list[Line], client: Client | None, details: Details) -> Record:
        now = self.now()
        record = Record(
            id=self.book.next_id(),
            record_hash=new_hash(),
            staff_id=slot.staff_id,
            lines=lines,
            client_id=client.id if client else None,
            start=slot.start,
            length_s=slot.length_s,
            created=now,
            changed=now,
            **details._asdict(),
        )
        self.book.records[record.id] = record
        self._on_news("record", record.id, "create")
        return record

    def move(self, record: Record, start: datetime) -> None:
        """With the same person. The record keeps its number (O)."""
        slot = Slot(record.staff_id, salon_time(start), record.length_s)
        if not self._can_have(slot, self.book.taken(without=record.id)):
            raise booking_refused(Code.TAKEN)
        self.change(record, start=slot.start)

    def change(self, record: Record, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(record, name, value)
        record.changed = self.now()
        self._on_news("record", record.id, "update")

    def cancel(self, record: Record) -> None:
        record.deleted, record.changed = True, self.now()
        self._on_news("record", record.id, "delete")

    def record(self, record_id: int) -> Record | None:
        """One that has not been deleted."""
        record = self.book.records.get(record_id)
        return None if record is None or record.deleted else record

    def is_free(self, slot: Slot, *, without: int | None = None) -> bool:
        return self._can_have(slot, self.book.taken(without=without))

    def _place(self, wish: Wish, taken: list[Slot]) -> Slot:
        length_s = self.length_s(wish.service_ids)
        able = self.candidates(wish.staff_id, wish.service_ids)
        if not able:
            raise booking_refused(Code.UNAVAILABLE)
        for person in able:
            slot = Slot(person.id, salon_time(wish.start), length_s)
            if self._can_have(slot, taken):
                return slot
        raise booking_refused(Code.NOBODY_FREE if wish.staff_id == ANYBODY else Code.TAKEN)

    def _can_have(self, slot: Slot, taken: list[Slot]) -> bool:
        person = self.catalogue.person(slot.staff_id)
        if person is None or person.fired:
            return False
        opens, closes = _hours(person, slot.start.date())
        works = slot.start.weekday() in person.works_on
        return works and opens <= slot.start and slot.end <= closes and self._fits(slot, taken)

    def _fits(self, slot: Slot, taken: list[Slot]) -> bool:
        return slot.start > self.now() and not any(slot.overlaps(other) for other in taken)


def _starts(person: Staff, day: date, length_s: int) -> list[datetime]:
    if day.weekday() not in person.works_on:
        return []
    opens, closes = _hours(person, day)
    last = closes - timedelta(seconds=length_s)
    count = int((last - opens).total_seconds() // STEP_S) + 1
    return [opens + timedelta(seconds=STEP_S * number) for number in range(max(0, count))]


def _hours(person: Staff, day: date) -> tuple[datetime, datetime]:
    return (
        datetime.combine(day, person.opens, SALON_TIME),
        datetime.combine(day, person.closes, SALON_TIME),
    )
