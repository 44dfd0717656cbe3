"""The demo salons: invented, with telephone numbers that belong to nobody."""

from typing import Final

from sandbox.yclients.connections import Salon

SALONS: Final = {
    salon.salon_id: salon
    for salon in (
        Salon(
            salon_id=1001,
            title="Салон красоты «Ромашка»",
            city="Москва, Тверская улица",
            colour="rose",
            owner_id=501,
            owner="Анна",
            phone="79990000001",
            email="anna@example.com",
        ),
        Salon(
            salon_id=1002,
            title="Барбершоп «Борода»",
            city="Казань, улица Баумана",
            colour="slate",
            trade="barber",
            owner_id=502,
            owner="Олег",
            phone="79990000002",
            email="oleg@example.com",
        ),
        Salon(
            salon_id=1003,
            title="Студия маникюра «Лак»",
            city="Санкт-Петербург, Невский проспект",
            colour="violet",
            trade="nails",
            owner_id=503,
            owner="Ирина",
            phone="79990000003",
            email="irina@example.com",
        ),
    )
}
