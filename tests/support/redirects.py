"""Owners who come from YClients, and what is then written of their salon."""

from dataclasses import dataclass
from typing import Any, Final

import httpx2

from tests.support.api import RunningApi, signed_query
from tests.support.salons import Salons
from tests.support.scripted_yclients import Script, ScriptedYclients, success

REDIRECT: Final = "/auth/yclients/redirect"
OWNER: Final = {"id": 501, "name": "Anna"}
STRANGER: Final = {"id": 502, "name": "Ira"}


def connection(status: str) -> Script:
    return success({"connection_status": {"status": status}, "payments": [], "logs": []})


@dataclass(frozen=True)
class Place(Salons):
    """An API and its YClients. Nothing of one test is there in the next."""

    api: RunningApi
    yclients: ScriptedYclients

    async def visit(self, user: dict[str, Any] = OWNER, salon: int = 1001) -> httpx2.Response:
        query = {"salon_id": str(salon), **signed_query(user)}
        return await self.api.http.get(REDIRECT, params=query)

    def salon(self, **columns: object) -> None:
        """Salon 1001 of user 501, as it was left."""
        given = {
            "yclients_id": 1001,
            "marketplace_user_id": "501",
            "installation": 3,
            "connection_check": "verified",
            **columns,
        }
        marks = ", ".join(["%s"] * len(given))
        self.run(f"INSERT INTO companies ({', '.join(given)}) VALUES ({marks})", *given.values())  # noqa: S608 - names of our own

    @property
    def company(self) -> dict[str, Any]:
        [row] = self.run("SELECT *, activation_due_at <= now() AS due FROM companies")
        return row

    @property
    def event(self) -> dict[str, Any]:
        [row] = self.run("SELECT event_data FROM marketplace_events")
        data: dict[str, Any] = row["event_data"]
        return data
