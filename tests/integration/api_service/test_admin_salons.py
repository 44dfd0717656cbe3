"""Salons in the admin API: lists, cards, another try at an activation."""

import asyncio
from typing import Any

import pytest

from api_service.store.admin_tokens import Role
from tests.support.admin_world import AdminWorld

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "gAAAAABsealed-secret"


async def test_salons_are_found_by_status_title_and_id_page_by_page(
    admin_world: AdminWorld,
) -> None:
    for number in range(5):
        admin_world.salon(2100 + number, "frozen", title=f"Ромашка 100%_{number}")
    admin_world.salon(2105, "active", title="Ромашка 1000")

    first = (await admin_world.get("/salons", status="frozen", count=2)).json()
    last = (await admin_world.get("/salons", status="frozen", count=2, page=3)).json()
    past = (await admin_world.get("/salons", status="frozen", count=2, page=4)).json()
    literal = (await admin_world.get("/salons", search="100%_")).json()
    one = (await admin_world.get("/salons", search="2105")).json()

    assert (first["total"], first["page"], first["count"]) == (5, 1, 2)
    assert [it["salon_id"] for it in first["salons"]] == [2104, 2103]
    assert [it["salon_id"] for it in last["salons"]] == [2100]
    assert (past["total"], past["salons"]) == (5, [])
    assert literal["total"] == 5
    assert [it["title"] for it in one["salons"]] == ["Ромашка 1000"]


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0},
        {"page": "x"},
        {"count": 101},
        {"count": -1},
        {"status": "' OR 1=1"},
        {"search": "a\x00b"},
        {"serach": "typing error"},
    ],
)
async def test_odd_queries_are_refused_by_name_of_what_is_odd(
    admin_world: AdminWorld, query: dict[str, Any]
) -> None:
    answer = await admin_world.get("/salons", **query)

    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert answer.json()["fields"][0]["field"] == next(iter(query))
    assert "OR 1=1" not in answer.text


async def test_a_salons_card_has_everything_but_its_secrets(admin_world: AdminWorld) -> None:
    admin_world.salon(
        2201,
        "active",
        title="Лотос",
        api_key=SECRET,
        webhook_secret=SECRET,
        whatsapp_connected=True,
    )
    admin_world.event(2201, "old", {"api_key": "in-the-clear", "phone": "79990000001"})
    admin_world.event(2201, "newest", {"reason": "timeout"})

    answer = await admin_world.get("/salons/2201")

    card = answer.json()
    assert SECRET not in answer.text
    assert "in-the-clear" not in answer.text
    assert "79990000001" not in answer.text
    assert (card["salon"]["has_api_key"], card["salon"]["has_webhook_secret"]) == (True, True)
    assert card["salon"]["title"] == "Лотос"
    assert card["session"] is None
    assert [event["type"] for event in card["events"]] == ["newest", "old"]
    assert card["events"][0]["data"] == {"reason": "timeout"}


@pytest.mark.parametrize(
    ("salon", "status", "code"),
    [
        ("999999", 404, "NOT_FOUND"),
        ("999999999999999", 404, "NOT_FOUND"),
        ("0", 400, "INVALID_SALON_ID"),
        ("01", 400, "INVALID_SALON_ID"),
        ("1e3", 400, "INVALID_SALON_ID"),
        ("9999999999999999", 400, "INVALID_SALON_ID"),
    ],
)
async def test_a_salon_that_is_not_there_or_is_none(
    admin_world: AdminWorld, salon: str, status: int, code: str
) -> None:
    card = await admin_world.get(f"/salons/{salon}")
    retry = await admin_world.post(f"/salons/{salon}/activation/retry")

    for answer in (card, retry):
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_activation_is_tried_again_and_that_is_on_record(admin_world: AdminWorld) -> None:
    admin_world.salon(2301, "activation_failed", whatsapp_connected=True)

    answer = await admin_world.post("/salons/2301/activation/retry")

    assert answer.json() == {"success": True, "salon_id": 2301, "status": "activation_failed"}
    (record,) = admin_world.records(2301)
    assert (record["actor"], record["role"]) == ("test-marketplace_admin", "marketplace_admin")
    assert (record["action"], record["outcome"]) == ("activation_retry", "done")
    assert record["detail"] == {"status_before": "activation_failed"}
    assert record["created_at"] == record["finished_at"]
    events = admin_world.rows(
        "SELECT event_type FROM marketplace_events WHERE salon_id = 2301 ORDER BY id"
    )
    assert events[0]["event_type"] == "activation_hurried"


@pytest.mark.parametrize(
    ("salon_id", "status", "linked", "code"),
    [
        (2401, "active", True, "ACTIVATION_NOT_DUE"),
        (2402, "uninstalled", True, "ACTIVATION_NOT_DUE"),
        (2403, "activation_failed", False, "ACTIVATION_NOT_DUE"),
        (2404, "activating", True, "CONCURRENT_ACTIVATION"),
    ],
)
async def test_what_cannot_be_tried_again_is_left_alone(
    admin_world: AdminWorld, salon_id: int, status: str, linked: bool, code: str
) -> None:
    admin_world.salon(salon_id, status, whatsapp_connected=linked)

    answer = await admin_world.post(f"/salons/{salon_id}/activation/retry")

    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert admin_world.records(salon_id) == []


async def test_many_tries_at_once_are_each_on_record(admin_world: AdminWorld) -> None:
    admin_world.salon(2501, "activation_pending", whatsapp_connected=True)

    path = "/salons/2501/activation/retry"
    answers = await asyncio.gather(*(admin_world.post(path) for _ in range(10)))

    done = [answer for answer in answers if answer.status_code == 200]
    assert len(done) >= 1
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len(admin_world.records(2501)) == len(done)


async def test_the_record_is_read_page_by_page_and_cannot_be_changed(
    admin_world: AdminWorld,
) -> None:
    for number in range(3):
        admin_world.salon(2600 + number, "activation_failed", whatsapp_connected=True)
        await admin_world.post(f"/salons/{2600 + number}/activation/retry")

    first = (await admin_world.get("/audit", Role.SUPERADMIN, count=2)).json()
    rest = (await admin_world.get("/audit", Role.SUPERADMIN, before=first["next"])).json()
    of_one = (await admin_world.get("/audit", Role.SUPERADMIN, salon_id=2601)).json()

    ids = [record["id"] for record in first["records"] + rest["records"]]
    assert ids == sorted(ids, reverse=True)
    assert rest["next"] is None
    assert [record["salon_id"] for record in of_one["records"]] == [2601]
    for statement in ("UPDATE admin_audit SET actor = 'nobody'", "DELETE FROM admin_audit"):
        with pytest.raises(Exception, match="is kept as it was written"):
            admin_world.rows(statement)
