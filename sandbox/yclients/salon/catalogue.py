"""What a salon offers and who works there: invented, small, and the same after each start."""

from datetime import time
from typing import Final, NamedTuple

IDS_PER_SALON: Final = 100
FIRST_ID: Final = 10_000

EVERY_DAY: Final = frozenset(range(7))
WEEKDAYS: Final = frozenset(range(5))
TUESDAY_TO_SATURDAY: Final = frozenset(range(1, 6))


class Category(NamedTuple):
    id: int
    title: str


class Service(NamedTuple):
    """``price_max`` is 0 when there is one price."""

    id: int
    category_id: int
    title: str
    price_min: int
    price_max: int
    length_s: int


class Staff(NamedTuple):
    """``works_on``: weekdays, Monday is 0. ``services``: ids of what this person does."""

    id: int
    name: str
    specialization: str
    works_on: frozenset[int]
    opens: time
    closes: time
    services: frozenset[int]
    fired: bool = False


class Catalogue(NamedTuple):
    categories: tuple[Category, ...]
    services: tuple[Service, ...]
    staff: tuple[Staff, ...]

    def service(self, service_id: int) -> Service | None:
        return next((each for each in self.services if each.id == service_id), None)

    def person(self, staff_id: int) -> Staff | None:
        """Whoever works or has worked there."""
        return next((each for each in self.staff if each.id == staff_id), None)

    def working(self) -> list[Staff]:
        return [each for each in self.staff if not each.fired]

    def who_does(self, service_ids: list[int]) -> list[Staff]:
        return [each for each in self.working() if each.services.issuperset(service_ids)]


class _Offer(NamedTuple):
    category: int
    title: str
    price_min: int
    price_max: int
    minutes: int


class _Person(NamedTuple):
    """``does``: positions in the trade's offers."""

    name: str
    specialization: str
    works_on: frozenset[int]
    opens: int
    closes: int
    does: tuple[int, ...]
    fired: bool = False


class _Trade(NamedTuple):
    categories: tuple[str, ...]
    offers: tuple[_Offer, ...]
    people: tuple[_Person, ...]


_TRADES: Final = {
    "beauty": _Trade(
        ("Волосы", "Ногти", "Брови и ресницы"),
        (
            _Offer(0, "Женская стрижка", 1800, 2500, 60),
            _Offer(0, "Окрашивание", 4500, 7000, 150),
            _Offer(0, "Укладка", 1200, 0, 45),
            _Offer(1, "Маникюр с покрытием", 1900, 0, 90),
            _Offer(1, "Педикюр", 2300, 0, 90),
            _Offer(2, "Коррекция бровей", 800, 0, 30),
        ),
        (
            _Person("Мария Лебедева", "Парикмахер-колорист", EVERY_DAY, 10, 20, (0, 1, 2)),
            _Person("Елена Соколова", "Мастер маникюра", WEEKDAYS, 10, 19, (3, 4)),
            _Person("Ольга Титова", "Бровист", TUESDAY_TO_SATURDAY, 12, 21, (2, 5)),
            _Person("Вера Зимина", "Парикмахер", EVERY_DAY, 10, 20, (0,), fired=True),
        ),
    ),
    "barber": _Trade(
        ("Стрижки", "Борода"),
        (
            _Offer(0, "Мужская стрижка", 1500, 2000, 60),
            _Offer(0, "Детская стрижка", 1100, 0, 45),
            _Offer(1, "Моделирование бороды", 900, 0, 30),
            _Offer(1, "Королевское бритьё", 1300, 0, 45),
        ),
        (
            _Person("Тимур Галиев", "Барбер", EVERY_DAY, 10, 22, (0, 1, 2, 3)),
            _Person("Артём Крылов", "Старший барбер", TUESDAY_TO_SATURDAY, 11, 21, (0, 2, 3)),
            _Person("Павел Дёмин", "Барбер", WEEKDAYS, 10, 20, (0,), fired=True),
        ),
    ),
    "nails": _Trade(
        ("Маникюр", "Педикюр"),
        (
            _Offer(0, "Маникюр с покрытием", 2100, 0, 90),
            _Offer(0, "Снятие покрытия", 400, 0, 30),
            _Offer(1, "Педикюр с покрытием", 2700, 0, 120),
        ),
        (
            _Person("Алина Белова", "Мастер маникюра", EVERY_DAY, 9, 21, (0, 1, 2)),
            _Person("Дарья Комарова", "Мастер педикюра", WEEKDAYS, 10, 20, (1, 2)),
        ),
    ),
}


def catalogue_of(trade: str, position: int) -> Catalogue:
    """``position`` of the salon among all: ids of two salons are never the same, as in YClients."""
    template = _TRADES.get(trade, _TRADES["beauty"])
    first = FIRST_ID + position * IDS_PER_SALON
    categories = tuple(
        Category(first + number, title) for number, title in enumerate(template.categories)
    )
    services = tuple(
        Service(
            id=first + 10 + number,
            category_id=categories[offer.category].id,
            title=offer.title,
            price_min=offer.price_min,
            price_max=offer.price_max,
            length_s=offer.minutes * 60,
        )
        for number, offer in enumerate(template.offers)
    )
    staff = tuple(
        Staff(
            id=first + 50 + number,
            name=person.name,
            specialization=person.specialization,
            works_on=person.works_on,
            opens=time(person.opens),
            closes=time(person.closes),
            services=frozenset(services[offer].id for offer in person.does),
            fired=person.fired,
        )
        for number, person in enumerate(template.people)
    )
    return Catalogue(categories, services, staff)
