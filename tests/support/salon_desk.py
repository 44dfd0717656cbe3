"""A salon in the box and the two ways to speak of it: the application's, and its user's."""

from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from sandbox.yclients.connections import Salon
from sandbox.yclients.control_views import CatalogueView, Offered, Working
from tests.support.api import PARTNER_TOKEN
from tests.support.yclients import USER_TOKEN, RunningYclients

SALON: Final = 1001
SALONS: Final = (Salon(salon_id=SALON, title="Ромашка"), Salon(salon_id=1002, title="Лак"))
ACCEPT: Final = {"Accept": "application/vnd.yclients.v2+json"}
PARTNER: Final = {**ACCEPT, "Authorization": f"Bearer {PARTNER_TOKEN}"}
USER: Final = {**ACCEPT, "Authorization": f"Bearer {PARTNER_TOKEN}, User {USER_TOKEN}"}
GUEST: Final = {"phone": "79990000002", "fullname": "Ира", "email": ""}


@dataclass
class Desk:
    """A salon that the application is active in, and the two ways to speak of it."""

    box: RunningYclients
    partner: httpx2.AsyncClient
    user: httpx2.AsyncClient
    catalogue: CatalogueView
    hook: str
    days: dict[tuple[str, str], str] = field(default_factory=dict)
    """The one whose times are looked at: the same for the whole test, also past midnight."""

    def activate(self) -> None:
        connection = self.box.world.connections.find(SALON)
        assert connection is not None
        self.box.world.connections.connect(connection)
        self.box.world.connections.activate(connection, "key", [self.hook])

    def service(self, title: str) -> Offered:
        return next(each for each in self.catalogue.services if each.title == title)

    def person(self, name: str) -> Working:
        return next(each for each in self.catalogue.staff if name in each.name)

    async def data(self, path: str, **query: Any) -> Any:
        answer = await self.user.get(f"/api/v1/{path}", params=query)
        assert answer.status_code == 200, answer.text
        assert answer.json()["success"] is True
        return answer.json()["data"]

    async def times(self, name: str = "Мария", title: str = "Женская стрижка") -> list[str]:
        """As our code would look for them: the second free day, its times."""
        asked = {"service_ids[]": self.service(title).id}
        person = self.person(name).id
        if (name, title) not in self.days:
            dates = await self.data(f"book_dates/{SALON}", staff_id=person, **asked)
            self.days[name, title] = dates["booking_dates"][1]
        day = self.days[name, title]
        return [
            str(each["datetime"])
            for each in await self.data(f"book_times/{SALON}/{person}/{day}", **asked)
        ]

    def appointment(self, at: str, name: str = "Мария") -> dict[str, Any]:
        service = self.service("Женская стрижка").id
        return {"id": 1, "services": [service], "staff_id": self.person(name).id, "datetime": at}

    async def book(self, at: str, **more: Any) -> httpx2.Response:
        body = {**GUEST, "appointments": [self.appointment(at)], **more}
        return await self.partner.post(f"/api/v1/book_record/{SALON}", json=body)

    def record(self, at: str, **more: Any) -> dict[str, Any]:
        service = self.service("Женская стрижка")
        return {
            "staff_id": self.person("Мария").id,
            "services": [{"id": service.id, "first_cost": 2000, "discount": 10, "cost": 1800}],
            "client": {"phone": "79990000002", "name": "Ира", "email": ""},
            "save_if_busy": False,
            "datetime": at,
            "seance_length": service.length_s,
            "comment": "WhatsApp",
            "api_id": "wa-42",
            **more,
        }

    async def create(self, at: str, **more: Any) -> httpx2.Response:
        return await self.user.post(f"/api/v1/records/{SALON}", json=self.record(at, **more))
