"""What the admin API asks of YClients, how its answers are told, and what stays on record."""

import asyncio
from typing import Any, NamedTuple

import pytest

from api_service.store.admin_tokens import Role
from tests.support.admin_world import AdminWorld
from tests.support.scripted_yclients import Script, answer, hang, refusal, reset, success
from tests.support.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SALON = 3001
PAYMENT = {
    "payment_sum": 990.5,
    "currency_iso": "RUB",
    "payment_date": "2026-03-01 10:05:00",
    "period_from": "2026-03-01 00:00:00",
    "period_to": "2026-04-01 00:00:00",
}


@pytest.fixture(scope="module", autouse=True)
def salon(admin_world: AdminWorld) -> None:
    admin_world.salon(SALON)


class Change(NamedTuple):
    """``told``: YClients' answer; ``asked`` and ``sent``: the path and body that it must get."""

    path: str
    body: object
    told: object
    asked: str
    sent: dict[str, Any] | None
    action: str


CHANGES = [
    Change(
        f"/salons/{SALON}/payments",
        PAYMENT,
        {"id": 9},
        "/marketplace/partner/payment",
        {**PAYMENT, "salon_id": SALON, "application_id": 77},
        "payment_notify",
    ),
    Change(
        "/payments/9/refund",
        None,
        None,
        "/marketplace/partner/payment/refund/9",
        None,
        "payment_refund",
    ),
    Change(
        "/discounts",
        {"salon_ids": [SALON], "discount": 15},
        None,
        "/marketplace/application/add_discount",
        {"salon_ids": [SALON], "application_id": 77, "discount": 15},
        "discount_add",
    ),
    Change(
        f"/salons/{SALON}/channels",
        {"channel_slug": "whatsapp", "is_available": True},
        None,
        "/marketplace/application/update_channel",
        {
            "salon_id": SALON,
            "application_id": 77,
            "channel_slug": "whatsapp",
            "is_available": True,
        },
        "channel_set",
    ),
    Change(
        f"/salons/{SALON}/sms-names",
        {"short_names": ["ROMASHKA"]},
        None,
        "/marketplace/partner/short_names",
        {"salon_id": SALON, "application_id": 77, "short_names": ["ROMASHKA"]},
        "sms_names_set",
    ),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.action)
async def test_a_change_reaches_yclients_once_and_is_on_record(
    admin_world: AdminWorld, change: Change
) -> None:
    admin_world.yclients.will(success(change.told))
    reader = await admin_world.post(change.path, change.body, Role.ADMIN)
    assert (reader.status_code, admin_world.yclients.asked) == (403, [])

    done = await admin_world.post(change.path, change.body)

    assert done.status_code == 200, done.text
    (call,) = admin_world.yclients.asked
    assert (call.method, call.target) == ("POST", change.asked)
    assert call.body == change.sent
    (record, *_) = admin_world.rows(
        "SELECT * FROM admin_audit WHERE action = %s ORDER BY id DESC", change.action
    )
    assert (record["actor"], record["outcome"]) == ("test-marketplace_admin", "done")
    assert record["finished_at"] >= record["created_at"]
    if change.action == "payment_notify":
        assert (record["salon_id"], record["detail"]["payment_id"]) == (SALON, 9)


async def test_what_yclients_tells_is_passed_on(admin_world: AdminWorld) -> None:
    admin_world.yclients.will(
        success(
            {
                "connection_status": {"status": "freezed", "created_at": "2026-03-01 10:00:00"},
                "payments": [{"id": "9", "payment_sum": 990, "currency_iso": "RUB"}],
                "logs": [],
            }
        ),
        success({"url": "https://yclients.example/pay/1"}),
        success([{"id": "1", "title": "Месяц", "options": []}]),
    )

    connection = (await admin_world.get(f"/salons/{SALON}/connection")).json()
    link = (await admin_world.get(f"/salons/{SALON}/payment-link", discount=10)).json()
    tariffs = (await admin_world.get("/tariffs")).json()

    assert connection["connection"]["connection_status"]["status"] == "freezed"
    assert connection["connection"]["payments"][0]["id"] == 9
    assert link["url"] == "https://yclients.example/pay/1"
    assert tariffs["tariffs"][0] == {"id": 1, "title": "Месяц", "options": []}
    targets = [call.target for call in admin_world.yclients.asked]
    assert targets[1].endswith("discount=10.0")


async def test_a_refusal_is_told_in_yclients_own_words(admin_world: AdminWorld) -> None:
    admin_world.yclients.will(refusal(422, "Период уже оплачен"))

    refused = await admin_world.post(f"/salons/{SALON}/payments", PAYMENT)

    assert (refused.status_code, refused.json()["code"]) == (422, "YCLIENTS_REFUSED")
    assert refused.json()["yclients_message"] == "Период уже оплачен"
    assert (refused.json()["reason"], refused.json()["yclients_status"]) == ("invalid", 422)
    record = admin_world.records(SALON)[-1]
    assert (record["outcome"], record["detail"]["reason"]) == ("refused", "invalid")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (answer(502, "<html>", content_type="text/html"), "server_error"),
        (answer(200, "<html>", content_type="text/html"), "unreadable"),
        (reset, "connection_lost"),
    ],
)
async def test_a_payment_that_may_have_been_taken_is_told_as_such(
    admin_world: AdminWorld, script: Script, reason: str
) -> None:
    admin_world.yclients.will(script)

    answered = await admin_world.post(f"/salons/{SALON}/payments", PAYMENT)

    assert (answered.status_code, answered.json()["code"]) == (503, "YCLIENTS_UNAVAILABLE")
    assert (answered.json()["outcome"], answered.json()["reason"]) == ("unknown", reason)
    assert len(admin_world.yclients.asked) == 1
    record = admin_world.records(SALON)[-1]
    assert (record["outcome"], record["detail"]["reason"]) == ("unknown", reason)


async def test_what_was_certainly_not_sent_has_failed(admin_world: AdminWorld) -> None:
    admin_world.yclients.will(refusal(429, "Too many requests"))

    answered = await admin_world.post(f"/salons/{SALON}/sms-names", {"short_names": ["ROMASHKA"]})

    assert (answered.status_code, answered.json()["code"]) == (503, "YCLIENTS_UNAVAILABLE")
    assert "outcome" not in answered.json()
    assert admin_world.records(SALON)[-1]["outcome"] == "failed"


async def test_a_change_is_on_record_before_yclients_answers(admin_world: AdminWorld) -> None:
    admin_world.yclients.will(hang)
    body = {"channel_slug": "sms", "is_available": False}

    waiting = asyncio.create_task(admin_world.post(f"/salons/{SALON}/channels", body))
    await wait_until(lambda: bool(admin_world.yclients.asked), what="YClients is asked")

    record = admin_world.records(SALON)[-1]
    assert (record["action"], record["outcome"]) == ("channel_set", "attempted")
    assert record["finished_at"] is None
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (f"/salons/{SALON}/payments", {**PAYMENT, "payment_sum": 0}, "payment_sum"),
        (f"/salons/{SALON}/payments", {**PAYMENT, "payment_sum": "990"}, "payment_sum"),
        (f"/salons/{SALON}/payments", {**PAYMENT, "currency_iso": "rub"}, "currency_iso"),
        (
            f"/salons/{SALON}/payments",
            {**PAYMENT, "payment_date": "2026-02-31 00:00:00"},
            "payment_date",
        ),
        (f"/salons/{SALON}/payments", {**PAYMENT, "payment_date": 1}, "payment_date"),
        (f"/salons/{SALON}/payments", {**PAYMENT, "period_to": "2026-03-01 00:00:00"}, ""),
        (f"/salons/{SALON}/payments", {**PAYMENT, "salon_id": 1}, "salon_id"),
        ("/discounts", {"salon_ids": [], "discount": 1}, "salon_ids"),
        ("/discounts", {"salon_ids": [SALON, SALON], "discount": 1}, ""),
        ("/discounts", {"salon_ids": [SALON], "discount": 101}, "discount"),
        (
            f"/salons/{SALON}/channels",
            {"channel_slug": "fax", "is_available": True},
            "channel_slug",
        ),
        (f"/salons/{SALON}/channels", {"channel_slug": "sms", "is_available": 1}, "is_available"),
        (f"/salons/{SALON}/sms-names", {"short_names": ["a\x00"]}, "short_names.0"),
        (f"/salons/{SALON}/sms-names", [], ""),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused_and_nothing_is_sent(
    admin_world: AdminWorld, path: str, body: object, field: str
) -> None:
    admin_world.yclients.will(success({"id": 1}))
    before = admin_world.rows("SELECT count(*) FROM admin_audit")

    refused = await admin_world.post(path, body)

    assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_REQUEST")
    assert refused.json()["fields"][0]["field"] == field
    assert admin_world.yclients.asked == []
    assert admin_world.rows("SELECT count(*) FROM admin_audit") == before


async def test_a_big_body_is_refused_by_its_size(admin_world: AdminWorld) -> None:
    refused = await admin_world.post("/discounts", {"salon_ids": [1] * 20_000, "discount": 1})

    assert (refused.status_code, refused.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_salon_that_we_do_not_know_is_not_told_to_yclients(
    admin_world: AdminWorld,
) -> None:
    admin_world.yclients.will(success(None))

    one = await admin_world.post("/salons/999999/payments", PAYMENT)
    some = await admin_world.post("/discounts", {"salon_ids": [SALON, 10**15 - 1], "discount": 1})

    assert one.status_code == some.status_code == 404
    assert some.json()["salon_ids"] == [10**15 - 1]
    assert admin_world.yclients.asked == []
