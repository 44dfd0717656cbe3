"""Notifications that Postgres refuses, in the admin API and in the marketplace's health."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from api_service.core import health, marketplace_state
from api_service.store.admin_tokens import Role
from shared.bus.connection import connect_redis
from tests.support.admin_world import ASIDE, AdminWorld
from tests.support.api import HEALTH_TOKEN
from tests.support.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def nothing_else(admin_world: AdminWorld) -> AsyncIterator[None]:
    """Of other tests, nor left to them."""
    yield
    async with connect_redis(admin_world.redis_url) as redis:
        await redis.delete(ASIDE)


async def test_what_was_set_aside_is_listed_and_read_on(admin_world: AdminWorld) -> None:
    places = [admin_world.set_aside(salon) for salon in (6301, 6302, 6303)]

    first = (await admin_world.get("/set-aside", count=2)).json()
    rest = (await admin_world.get("/set-aside", count=2, after=first["next"])).json()

    assert [it["id"] for it in first["set_aside"] + rest["set_aside"]] == places
    assert (first["next"], rest["next"]) == (places[1], None)
    told = first["set_aside"][0]
    assert (told["webhook_id"], told["salon_id"]) == ("aside-6301", 6301)
    assert (told["event_type"], told["reason"]) == ("freeze", "CheckViolation")
    odd = await admin_world.get("/set-aside", after="x")
    assert (odd.status_code, odd.json()["code"]) == (400, "INVALID_REQUEST")


async def test_it_is_stored_when_an_operator_wants_it_and_that_is_on_record(
    admin_world: AdminWorld,
) -> None:
    place = admin_world.set_aside(6304)

    reader = await admin_world.post(f"/set-aside/{place}/replay", role=Role.ADMIN)
    replayed = await admin_world.post(f"/set-aside/{place}/replay")

    assert reader.status_code == 403
    assert replayed.json() == {"success": True, "webhook_id": "aside-6304", "salon_id": 6304}
    (record,) = admin_world.records(6304)
    assert (record["action"], record["outcome"]) == ("webhook_replay", "done")
    assert (await admin_world.get("/set-aside")).json()["set_aside"] == []
    query = "SELECT webhook_id FROM marketplace_webhooks WHERE salon_id = 6304"
    stored = await wait_until(lambda: admin_world.rows(query), what="it is stored")
    assert stored[0]["webhook_id"] == "aside-6304"
    again = await admin_world.post(f"/set-aside/{place}/replay")
    assert (again.status_code, again.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("place", ["1", "a-b", "1-1-1", "-"])
async def test_what_is_no_place_is_refused(admin_world: AdminWorld, place: str) -> None:
    assert (await admin_world.post(f"/set-aside/{place}/replay")).status_code == 400


async def test_health_warns_of_it(admin_world: AdminWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (health, marketplace_state):
        monkeypatch.setattr(module, "CHECK_S", PATIENCE_S)
    admin_world.set_aside(6305)

    details = {"Authorization": f"Bearer {HEALTH_TOKEN}"}
    body = (await admin_world.api.http.get("/marketplace/health", headers=details)).json()

    assert body["kept"] == {"waiting": 0, "setAside": 1}
    assert "notifications were set aside" in body["warnings"]
    assert body["status"] == "degraded"
