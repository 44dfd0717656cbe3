"""Who has booked what: clients and records of one salon, as they are kept."""

import secrets
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

from pydantic import BaseModel

SALON_TIME: Final = timezone(timedelta(hours=3))
"""Every salon of the sandbox keeps Moscow's time, which knows no summer."""
TIME_ZONE_NAME: Final = "Europe/Moscow"


def salon_time(moment: datetime) -> datetime:
    """What has no offset is the salon's own time already."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=SALON_TIME)
    return moment.astimezone(SALON_TIME)


class Slot(NamedTuple):
    """``datetime`` with an offset; ``length_s`` from there on, of this person."""

    staff_id: int
    start: datetime
    length_s: int

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.length_s)

    def overlaps(self, other: "Slot") -> bool:
        return self.staff_id == other.staff_id and self.start < other.end and other.start < self.end


class Client(BaseModel):
    id: int
    name: str
    phone: str
    email: str = ""


class Line(BaseModel):
    """A service of a record, with what it costs there."""

    id: int
    first_cost: float
    discount: float = 0
    cost: float


class Record(BaseModel):
    """``record_hash`` lets whoever knows it read and cancel the record."""

    id: int
    record_hash: str
    staff_id: int
    lines: list[Line]
    client_id: int | None
    start: datetime
    length_s: int
    comment: str = ""
    api_id: str = ""
    attendance: int = 0
    online: bool = False
    deleted: bool = False
    created: datetime
    changed: datetime

    @property
    def slot(self) -> Slot:
        return Slot(self.staff_id, self.start, self.length_s)


class Book(BaseModel):
    """Everything that changes in a salon. Numbers are its own and never given twice."""

    first_id: int
    clients: dict[int, Client] = {}
    records: dict[int, Record] = {}
    blacklist: list[str] = []
    given: int = 0

    def next_id(self) -> int:
        self.given += 1
        return self.first_id + self.given

    def client_of(self, phone: str) -> Client | None:
        return next((each for each in self.clients.values() if each.phone == phone), None)

    def taken(self, *, without: int | None = None) -> list[Slot]:
        """``without``: a record that is about to be moved is not in its own way."""
        return [
            record.slot
            for record in self.records.values()
            if not record.deleted and record.id != without
        ]


def new_hash() -> str:
    return secrets.token_hex(16)
