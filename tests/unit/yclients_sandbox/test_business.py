"""A salon at work: what is free, what is taken, and why a booking is refused."""

import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

import pytest

from sandbox.yclients.envelope import Refused
from sandbox.yclients.salon.business import ANYBODY, Business, Details, Wish
from sandbox.yclients.salon.catalogue import Service, Staff, catalogue_of
from sandbox.yclients.salon.records import SALON_TIME, Book, Record

MONDAY: Final = date(2026, 3, 2)
SUNDAY: Final = date(2026, 3, 8)
NOW: Final = datetime(2026, 3, 2, 12, 10, tzinfo=SALON_TIME)
TUESDAY_NOON: Final = datetime(2026, 3, 3, 12, tzinfo=SALON_TIME)


@dataclass
class Salon:
    """The beauty salon, on a Monday at ten past twelve."""

    told: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.business = Business(
            catalogue_of("beauty", 0), Book(first_id=1), NOW.timestamp, self._tell
        )

    def _tell(self, resource: str, _number: int, status: str) -> None:
        self.told.append((resource, status))

    def service(self, title: str) -> Service:
        return next(each for each in self.business.catalogue.services if each.title == title)

    def person(self, name: str) -> Staff:
        return next(each for each in self.business.catalogue.staff if name in each.name)

    def book(self, name: str, title: str, start: datetime) -> Record:
        service = self.service(title).id
        [slot] = self.business.place([Wish(self.person(name).id, [service], start)])
        client = self.business.client("+79990000002", "Ира", "")
        return self.business.add(slot, self.business.lines([service]), client, Details())

    def times(self, name: str, title: str, day: date) -> list[str]:
        free = self.business.free(self.person(name).id, day, [self.service(title).id])
        return [f"{start:%H:%M}" for start in free]


@pytest.fixture
def salon() -> Salon:
    return Salon()


def code_of(caught: pytest.ExceptionInfo[Refused]) -> tuple[int, int]:
    answer = caught.value.answer
    return answer.status_code, json.loads(bytes(answer.body))["meta"]["errors"][0]["code"]


def test_free_times_are_to_come_and_end_before_closing(salon: Salon) -> None:
    today = salon.times("Мария", "Женская стрижка", MONDAY)
    tomorrow = salon.times("Мария", "Женская стрижка", MONDAY + timedelta(days=1))

    assert (today[0], today[-1]) == ("12:30", "19:00")
    assert (tomorrow[0], tomorrow[-1]) == ("10:00", "19:00")
    assert salon.times("Мария", "Окрашивание", MONDAY)[-1] == "17:30"


def test_who_does_not_work_or_cannot_do_it_has_no_times(salon: Salon) -> None:
    assert salon.times("Елена", "Педикюр", SUNDAY) == []
    assert salon.times("Елена", "Женская стрижка", MONDAY) == []
    assert salon.times("Вера", "Женская стрижка", MONDAY) == []


def test_a_record_takes_all_times_that_would_reach_into_it(salon: Salon) -> None:
    salon.book("Мария", "Женская стрижка", TUESDAY_NOON)

    free = salon.times("Мария", "Женская стрижка", TUESDAY_NOON.date())

    assert not {"11:30", "12:00", "12:30"} & set(free)
    assert {"11:00", "13:00"} <= set(free)


def test_a_taken_time_is_433_and_free_again_after_a_cancellation(salon: Salon) -> None:
    record = salon.book("Мария", "Женская стрижка", TUESDAY_NOON)
    with pytest.raises(Refused) as caught:
        salon.book("Мария", "Укладка", TUESDAY_NOON + timedelta(minutes=30))
    assert code_of(caught) == (422, 433)

    salon.business.cancel(record)

    assert salon.business.record(record.id) is None
    assert salon.book("Мария", "Укладка", TUESDAY_NOON + timedelta(minutes=30)).id != record.id


def test_a_record_is_moved_and_not_in_its_own_way(salon: Salon) -> None:
    record = salon.book("Мария", "Женская стрижка", TUESDAY_NOON)
    other = salon.book("Мария", "Укладка", TUESDAY_NOON + timedelta(hours=2))

    salon.business.move(record, TUESDAY_NOON + timedelta(minutes=30))
    with pytest.raises(Refused) as caught:
        salon.business.move(record, other.start)

    assert code_of(caught) == (422, 433)
    assert record.start == TUESDAY_NOON + timedelta(minutes=30)
    assert salon.told == [
        ("client", "create"),
        ("record", "create"),
        ("record", "create"),
        ("record", "update"),
    ]


def test_anybody_is_whoever_is_free(salon: Salon) -> None:
    styling = salon.service("Укладка").id
    wish = Wish(ANYBODY, [styling], TUESDAY_NOON)
    placed = []
    for _ in range(2):
        [slot] = salon.business.place([wish])
        client = salon.business.client("79990000002", "Ира", "")
        salon.business.add(slot, [], client, Details())
        placed.append(slot.staff_id)

    assert placed == [salon.person("Мария").id, salon.person("Ольга").id]
    assert TUESDAY_NOON not in salon.business.free(ANYBODY, TUESDAY_NOON.date(), [styling])
    with pytest.raises(Refused) as caught:
        salon.business.place([wish])
    assert code_of(caught) == (422, 436)


def test_appointments_of_one_request_may_not_overlap(salon: Salon) -> None:
    person, service = salon.person("Мария").id, salon.service("Женская стрижка").id
    later = TUESDAY_NOON + timedelta(minutes=30)
    with pytest.raises(Refused) as caught:
        salon.business.place(
            [Wish(person, [service], TUESDAY_NOON), Wish(person, [service], later)]
        )
    assert code_of(caught) == (422, 437)


@pytest.mark.parametrize(
    ("phone", "name", "code"),
    [
        ("123", "Ира", (422, 431)),
        ("89990000002x", "Ира", (422, 431)),
        ("79990000002", " ", (422, 435)),
        ("+79990000009", "Ира", (403, 434)),
    ],
)
def test_clients_that_are_refused(
    salon: Salon, phone: str, name: str, code: tuple[int, int]
) -> None:
    salon.business.book.blacklist.append("79990000009")
    with pytest.raises(Refused) as caught:
        salon.business.client(phone, name, "")
    assert code_of(caught) == code


def test_one_number_is_one_client(salon: Salon) -> None:
    first = salon.business.client("+79990000002", "Ира", "")
    assert salon.business.client("79990000002", "Ирина", "") is first
    assert salon.told == [("client", "create")]


def test_an_unknown_service_is_unavailable(salon: Salon) -> None:
    with pytest.raises(Refused) as caught:
        salon.business.free(ANYBODY, MONDAY, [1])
    assert code_of(caught) == (422, 438)


def test_ids_of_two_salons_are_never_the_same() -> None:
    ids = [
        {each.id for part in catalogue_of("beauty", position) for each in part}
        for position in range(2)
    ]
    assert not ids[0] & ids[1]
