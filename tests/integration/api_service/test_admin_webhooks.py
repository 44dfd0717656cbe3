"""The queue of notifications in the admin API, and a disconnection that goes through it."""

import pytest

from api_service.store.admin_tokens import Role
from tests.support.admin_world import AdminWorld
from tests.support.scripted_yclients import Script, refusal, reset, success
from tests.support.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_notifications_are_listed_by_state_and_read_on(admin_world: AdminWorld) -> None:
    for number in range(3):
        admin_world.webhook(f"listed-{number}", 6001, "recorded")
    admin_world.webhook("listed-failed", 6001, "failed")

    failed = (await admin_world.get("/webhooks", state="failed", salon_id=6001)).json()
    first = (await admin_world.get("/webhooks", salon_id=6001, count=3)).json()
    rest = (await admin_world.get("/webhooks", salon_id=6001, before=first["next"])).json()

    assert [it["webhook_id"] for it in failed["webhooks"]] == ["listed-failed"]
    assert [it["webhook_id"] for it in first["webhooks"] + rest["webhooks"]] == [
        "listed-failed",
        "listed-2",
        "listed-1",
        "listed-0",
    ]
    assert rest["next"] is None
    odd = await admin_world.get("/webhooks", state="lost")
    assert (odd.status_code, odd.json()["code"]) == (400, "INVALID_REQUEST")


async def test_a_failed_notification_is_carried_out_again_and_that_is_on_record(
    admin_world: AdminWorld,
) -> None:
    admin_world.webhook("again", 6002, "failed")

    reader = await admin_world.post("/webhooks/again/replay", role=Role.ADMIN)
    replayed = await admin_world.post("/webhooks/again/replay")

    assert reader.status_code == 403
    assert replayed.json() == {"success": True, "webhook_id": "again", "salon_id": 6002}
    (record,) = admin_world.records(6002)
    assert (record["action"], record["outcome"]) == ("webhook_replay", "done")
    await wait_until(lambda: _state(admin_world, "again") == "done", what="it is carried out")


@pytest.mark.parametrize(
    ("webhook_id", "status"), [("nothing", 404), ("a" * 65, 400), ("a%20b", 400)]
)
async def test_what_is_no_notification_is_not_replayed(
    admin_world: AdminWorld, webhook_id: str, status: int
) -> None:
    assert (await admin_world.post(f"/webhooks/{webhook_id}/replay")).status_code == status


LEFT: list[tuple[list[Script], str | None]] = [
    ([success(None)], None),
    ([refusal(404, "Не установлено")], "not_installed"),
    ([reset, refusal(404, "Не установлено")], "connection_lost"),
    ([reset, success({"connection_status": {"status": "uninstalled"}})], "connection_lost"),
]


@pytest.mark.parametrize(("number", "case"), list(enumerate(LEFT)))
async def test_a_disconnected_salon_has_left_yclients_and_is_marked_here(
    admin_world: AdminWorld, number: int, case: tuple[list[Script], str | None]
) -> None:
    script, told = case
    salon_id = admin_world.salon(6100 + number, "active", api_key="sealed")
    admin_world.yclients.will(*script)

    answer = await admin_world.post(f"/salons/{salon_id}/disconnect")

    assert answer.status_code == 200, answer.text
    first = admin_world.yclients.asked[0]
    path = f"/marketplace/salon/{salon_id}/application/77/uninstall"
    assert (first.method, first.target) == ("POST", path)
    (record,) = admin_world.records(salon_id)
    assert (record["action"], record["outcome"]) == ("disconnect", "done")
    assert record["detail"].get("yclients") == told
    assert record["detail"]["webhook_id"] == answer.json()["webhook_id"]
    await wait_until(
        lambda: _salon(admin_world, salon_id) == ("uninstalled", None), what="it is marked"
    )


@pytest.mark.parametrize(
    ("salon_id", "script", "status", "outcome"),
    [
        (6201, [refusal(403, "Нет доступа")], 422, "refused"),
        (6202, [reset, success({"connection_status": {"status": "active"}})], 503, "unknown"),
    ],
)
async def test_a_salon_that_yclients_keeps_stays_as_it_is(
    admin_world: AdminWorld, salon_id: int, script: list[Script], status: int, outcome: str
) -> None:
    admin_world.salon(salon_id, "active", api_key="sealed")
    admin_world.yclients.will(*script)

    answer = await admin_world.post(f"/salons/{salon_id}/disconnect")

    assert answer.status_code == status
    assert admin_world.records(salon_id)[0]["outcome"] == outcome
    assert _salon(admin_world, salon_id) == ("active", "sealed")
    jobs = admin_world.rows("SELECT 1 FROM marketplace_webhooks WHERE salon_id = %s", salon_id)
    assert jobs == []


def _state(world: AdminWorld, webhook_id: str) -> str:
    query = "SELECT state FROM marketplace_webhooks WHERE webhook_id = %s"
    return str(world.rows(query, webhook_id)[0]["state"])


def _salon(world: AdminWorld, salon_id: int) -> tuple[str, str | None]:
    query = "SELECT integration_status, api_key FROM companies WHERE yclients_id = %s"
    (row,) = world.rows(query, salon_id)
    return row["integration_status"], row["api_key"]
