"""The booking and CRM calls of the YClients in the box, over HTTP as our code will make them."""

import asyncio
import json
from datetime import date, datetime, timedelta
from typing import Any, Final

import httpx2
import pytest

from sandbox.yclients.control_client import ControlError
from sandbox.yclients.operations import Operation
from sandbox.yclients.quirks import QuirkKind
from sandbox.yclients.salon.records import SALON_TIME
from tests.support.api import PARTNER_TOKEN
from tests.support.callback_receiver import Receiver
from tests.support.salon_desk import SALON, Desk
from tests.support.waiting import wait_until


def codes(answer: httpx2.Response) -> tuple[int, list[int]]:
    return answer.status_code, [each["code"] for each in answer.json()["meta"]["errors"]]


async def test_a_client_finds_a_time_books_moves_and_cancels(desk: Desk) -> None:
    first, second, *_ = await desk.times()
    appointments = {"appointments": [desk.appointment(first)]}
    checked = await desk.partner.post(f"/api/v1/book_check/{SALON}", json=appointments)
    assert (checked.status_code, checked.json()["meta"]) == (201, [])

    made = await desk.book(first, api_id="wa-42", comment="WhatsApp")
    assert made.status_code == 201
    [booked] = made.json()["data"]
    assert booked["id"] == 1
    assert first not in await desk.times()

    path = f"/api/v1/book_record/{SALON}/{booked['record_id']}"
    at_evening = (await desk.times())[-1]
    moved = await desk.partner.put(path, json={"datetime": at_evening, "comment": "позже"})
    assert (moved.status_code, moved.json()["data"]["datetime"]) == (200, at_evening)
    free = await desk.times()
    assert second in free
    assert at_evening not in free

    seen = (await desk.partner.get(f"{path}/{booked['record_hash']}")).json()
    assert (seen["id"], seen["comment"], seen["deleted"]) == (booked["record_id"], "позже", False)
    assert (await desk.partner.get(f"{path}/wrong")).status_code == 403

    cancel = f"/api/v1/user/records/{booked['record_id']}/{booked['record_hash']}"
    assert (await desk.partner.delete(cancel)).status_code == 200
    assert (await desk.partner.delete(cancel)).status_code == 404
    assert at_evening in await desk.times()
    calls = await desk.box.control.calls(Operation.BOOK_RECORD_DELETE)
    assert [call.path for call in calls] == [
        f"/api/v1/user/records/{booked['record_id']}/***",
    ] * 2
    assert calls[-1].said == "Запись не найдена"


async def test_the_user_needs_no_hash_where_the_application_is_active(desk: Desk) -> None:
    first, *_ = await desk.times()
    [booked] = (await desk.book(first)).json()["data"]
    path = f"/api/v1/user/records/{booked['record_id']}/unknown"
    assert (await desk.partner.delete(path)).status_code == 403
    await desk.box.control.freeze(SALON)
    assert (await desk.user.delete(path)).status_code == 403
    await desk.box.control.pay(SALON)
    assert (await desk.user.delete(path)).status_code == 200


async def test_of_many_at_once_one_gets_the_time(desk: Desk) -> None:
    first, *_ = await desk.times()

    answers = await asyncio.gather(*(desk.book(first) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422, 422]
    refused = next(answer for answer in answers if answer.status_code == 422)
    assert codes(refused) == (422, [433])
    assert refused.json()["success"] is False


async def test_bookings_that_yclients_would_refuse(desk: Desk) -> None:
    first, *_ = await desk.times()
    unknown = {**desk.appointment(first), "services": [1]}
    assert codes(await desk.book(first, phone="12")) == (422, [431])
    assert codes(await desk.book(first, fullname="")) == (422, [435])
    assert codes(await desk.book(first, appointments=[unknown])) == (422, [438])
    assert codes(await desk.book(first, appointments=[desk.appointment(first)] * 2)) == (422, [437])
    assert codes(await desk.book("2020-01-01T12:00:00+03:00")) == (422, [433])
    await desk.box.control.blacklist(SALON, "79990000002")
    assert codes(await desk.book(first)) == (403, [434])
    wrong = await desk.partner.post(f"/api/v1/book_record/{SALON}", json={"phone": "79990000002"})
    assert wrong.status_code == 422
    assert set(wrong.json()["meta"]["errors"]) == {"fullname", "email", "appointments"}
    assert await desk.box.control.records(SALON) == []


async def test_what_a_salon_offers(desk: Desk) -> None:
    company = await desk.data(f"company/{SALON}/")
    assert (company["title"], company["timezone_name"]) == ("Ромашка", "Europe/Moscow")

    offered = await desk.data(f"book_services/{SALON}")
    assert offered["category"][0]["title"] == "Волосы"
    assert "seance_length" not in offered["services"][0]
    stylist = desk.person("Мария")
    hers = await desk.data(f"book_services/{SALON}", staff_id=stylist.id)
    assert [each["id"] for each in hers["services"]] == stylist.service_ids
    assert hers["services"][0]["seance_length"] == 3600

    people = await desk.data(f"book_staff/{SALON}")
    assert [each["name"] for each in people] == [each.name for each in desk.catalogue.staff]
    assert (people[0]["position"], people[0]["bookable"]) == ([], True)
    cut, brows = desk.service("Женская стрижка").id, desk.service("Коррекция бровей").id
    both = await desk.data(f"book_staff/{SALON}", **{"service_ids[]": [cut, brows]})
    assert both == []


async def test_lists_are_written_with_brackets(desk: Desk) -> None:
    service = desk.service("Женская стрижка").id
    path = f"/api/v1/book_dates/{SALON}"
    assert (await desk.partner.get(path, params={"service_ids[0]": service})).status_code == 200
    assert (await desk.partner.get(path, params={"service_ids": service})).status_code == 422


async def test_dates_are_told_as_dates_and_as_days_of_months(desk: Desk) -> None:
    friday = a_friday_to_come()
    sunday, monday = friday + timedelta(days=2), friday + timedelta(days=3)
    manicurist = desk.person("Елена").id
    path = f"book_dates/{SALON}"
    asked = {"staff_id": manicurist, "date_from": str(friday), "date_to": str(monday)}
    dates = await desk.data(path, **asked)
    assert dates["booking_dates"] == [str(friday), str(monday)]
    assert dates["working_days"] == days_of_months(friday, monday)
    closed = await desk.data(path, staff_id=manicurist, date=str(sunday))
    assert (closed["booking_dates"], closed["booking_days"]) == ([], [])


def a_friday_to_come() -> date:
    """Of next week or the one after: it has not begun when it is asked about."""
    today = datetime.now(SALON_TIME).date()
    return today + timedelta(days=7 + (4 - today.weekday()) % 7)


def days_of_months(*days: date) -> dict[str, list[str]]:
    months = {str(day.month) for day in days}
    return {month: [str(day.day) for day in days if str(day.month) == month] for month in months}


async def test_the_staffs_side_of_a_record(desk: Desk) -> None:
    first, second, third, fourth, *_ = await desk.times()
    made = await desk.create(first)
    assert made.status_code == 201
    [record] = made.json()["data"]
    assert (record["datetime"], record["api_id"], record["attendance"]) == (first, "wa-42", 0)
    assert record["services"][0]["cost"] == 1800
    assert record["client"]["phone"] == "+79990000002"
    path = f"record/{SALON}/{record['id']}"
    assert (await desk.data(path)) == record

    assert codes(await desk.create(first)) == (422, [433])
    assert codes(await desk.create(fourth, seance_length=60)) == (422, [433])
    assert (await desk.create(second, save_if_busy=True)).status_code == 201

    changed = desk.record(third, attendance=2, save_if_busy=True)
    put = await desk.user.put(f"/api/v1/{path}", json=changed)
    assert (put.status_code, put.json()["data"]["confirmed"]) == (201, 1)
    deleted = await desk.user.delete(f"/api/v1/{path}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await desk.user.get(f"/api/v1/{path}")).status_code == 404


async def test_records_are_found(desk: Desk) -> None:
    times = await desk.times()
    for at in times[::2][:3]:
        assert (await desk.create(at)).status_code == 201
    everything = (await desk.user.get(f"/api/v1/records/{SALON}", params={"count": 2})).json()
    assert everything["meta"] == {"page": 1, "total_count": 3}
    assert [each["datetime"] for each in everything["data"]] == times[:4:2]
    last = await desk.data(f"records/{SALON}", count=2, page=2)
    assert [each["datetime"] for each in last] == [times[4]]

    await desk.user.delete(f"/api/v1/record/{SALON}/{last[0]['id']}")
    day = datetime.fromisoformat(times[0]).date().isoformat()
    found = await desk.data(f"records/{SALON}", start_date=day, end_date=day)
    assert len(found) == 2
    since = everything["data"][0]["create_date"]  # of the first: the last may be a second younger
    also = await desk.data(f"records/{SALON}", with_deleted=1, changed_after=since)
    assert len(also) == 3
    assert await desk.data(f"records/{SALON}", staff_id=1) == []
    assert await desk.data(f"records/{SALON}", end_date="2020-01-01") == []


async def test_clients_are_found_by_their_number(desk: Desk) -> None:
    first, *_ = await desk.times()
    await desk.book(first)

    async def found(value: str) -> Any:
        search = {"type": "quick_search", "state": {"value": value}}
        body = {"fields": ["id", "phone"], "filters": [search]}
        return (await desk.user.post(f"/api/v1/company/{SALON}/clients/search", json=body)).json()

    answer = await found("79990000002")
    assert answer["meta"] == {"total_count": 1}
    [client] = answer["data"]
    assert (set(client), client["phone"]) == ({"id", "phone"}, "+79990000002")
    assert (await found("79990000003"))["data"] == []


async def test_services_staff_and_schedule(desk: Desk) -> None:
    first, *_ = await desk.times()
    await desk.book(first)
    stylist, day = desk.person("Мария"), datetime.fromisoformat(first)

    services = await desk.data(f"company/{SALON}/services", staff_id=stylist.id)
    assert [each["id"] for each in services] == stylist.service_ids
    assert services[0]["staff"] == [{"id": stylist.id, "seance_length": "3600"}]
    one = await desk.data(f"company/{SALON}/services/{services[0]['id']}")
    assert one == services[0]
    staff = await desk.data(f"company/{SALON}/staff")
    assert [each["fired"] for each in staff] == [0, 0, 0, 1]
    assert (await desk.user.get(f"/api/v1/company/{SALON}/staff/1")).status_code == 404

    asked = {
        "start_date": day.date().isoformat(),
        "end_date": day.date().isoformat(),
        "staff_ids[]": stylist.id,
        "include[]": "busy_intervals",
    }
    [working] = await desk.data(f"company/{SALON}/staff/schedule", **asked)
    assert working["slots"] == [{"from": "10:00", "to": "20:00"}]
    [busy] = working["busy_intervals"]
    assert (busy["entity_type"], busy["from"]) == ("record", f"{day:%H:%M}")


USER_CALLS: Final = [
    ("GET", f"/api/v1/records/{SALON}"),
    ("GET", f"/api/v1/company/{SALON}/staff"),
    ("DELETE", f"/api/v1/record/{SALON}/1"),
]


@pytest.mark.parametrize(("method", "path"), USER_CALLS)
async def test_the_crm_needs_the_user_and_an_active_salon(
    desk: Desk, method: str, path: str
) -> None:
    without = await desk.partner.request(method, path)
    assert (without.status_code, without.json()["errors"]["code"]) == (401, 401)
    wrong = {"Authorization": f"Bearer {PARTNER_TOKEN}, User wrong"}
    assert (await desk.user.request(method, path, headers=wrong)).status_code == 401
    other = path.replace(str(SALON), "1002")
    assert (await desk.user.request(method, other)).status_code == 403
    await desk.box.control.freeze(SALON)
    assert (await desk.user.request(method, path)).status_code == 403


async def test_an_unknown_salon_is_refused_in_the_second_shape(desk: Desk) -> None:
    answer = await desk.partner.get("/api/v1/company/5")
    assert (answer.status_code, answer.json()["errors"]["code"]) == (404, 404)
    stranger = await desk.partner.get(f"/api/v1/company/{SALON}", headers={"Authorization": ""})
    assert (stranger.status_code, stranger.json()["errors"]["code"]) == (401, 401)


async def test_every_change_is_told_while_the_application_is_active(
    desk: Desk, hook: Receiver
) -> None:
    first, *_ = await desk.times()
    [booked] = (await desk.book(first, api_id="wa-42")).json()["data"]
    await wait_until(lambda: len(hook.got) == 2, what="the client and the record")
    assert sorted(hook.resources()) == ["client create", "record create"]
    path, body = next(each for each in hook.got if each[1]["resource"] == "record")
    assert (path, body["company_id"], body["resource_id"]) == (
        "/hook/secret",
        SALON,
        booked["record_id"],
    )
    assert (body["data"]["api_id"], body["data"]["datetime"]) == ("wa-42", first)

    await desk.box.control.cancel(SALON, booked["record_id"])
    await wait_until(lambda: hook.resources()[2:] == ["record delete"], what="the deletion")

    await desk.box.control.uninstall(SALON, told=False)
    [untold] = (await desk.book(first)).json()["data"]
    desk.activate()
    await desk.box.control.cancel(SALON, untold["record_id"])
    await wait_until(lambda: len(hook.got) == 4, what="news from the next activation on")
    assert hook.resources()[3] == "record delete"


async def test_the_salons_own_desk_books_too(desk: Desk) -> None:
    first, *_ = await desk.times()
    service = desk.service("Женская стрижка").id
    stylist = desk.person("Мария").id
    record = await desk.box.control.book(
        SALON, stylist, [service], datetime.fromisoformat(first), phone="79990000003"
    )
    assert (record.phone, record.online, record.service_ids) == ("79990000003", False, [service])
    assert codes(await desk.book(first)) == (422, [433])
    with pytest.raises(ControlError, match="433"):
        await desk.box.control.book(SALON, stylist, [service], datetime.fromisoformat(first))
    await desk.box.control.cancel(SALON, record.id)
    with pytest.raises(ControlError, match="NOT_FOUND"):
        await desk.box.control.cancel(SALON, record.id)
    assert [each.deleted for each in await desk.box.control.records(SALON)] == [True]


@pytest.mark.parametrize(
    ("applied", "records"), [(False, 0), (True, 1)], ids=["lost", "carried out"]
)
async def test_a_booking_whose_answer_is_cut_off(desk: Desk, applied: bool, records: int) -> None:
    first, *_ = await desk.times()
    await desk.box.control.add_quirk(
        QuirkKind.RESET, Operation.BOOK_RECORD, salon_id=SALON, applied=applied
    )
    with pytest.raises(httpx2.TransportError):
        await desk.book(first, api_id="wa-42")
    assert len(await desk.box.control.records(SALON)) == records
    [call] = await desk.box.control.calls(Operation.BOOK_RECORD)
    assert (call.status, call.quirk) == (0, "reset")


async def test_the_journal_keeps_no_secret(desk: Desk) -> None:
    first, *_ = await desk.times()
    [booked] = (await desk.book(first)).json()["data"]
    path = f"/api/v1/book_record/{SALON}/{booked['record_id']}/{booked['record_hash']}"
    assert (await desk.partner.get(path)).status_code == 200

    written = json.dumps([call.model_dump() for call in await desk.box.control.calls()])

    assert booked["record_hash"] not in written
    assert PARTNER_TOKEN not in written


async def test_everything_may_be_forgotten(desk: Desk) -> None:
    first, *_ = await desk.times()
    await desk.book(first)
    await desk.box.control.add_salon(77)
    await desk.box.control.reset(salons=True)
    assert [each.salon_id for each in await desk.box.control.salons()] == [1001, 1002]
    assert await desk.box.control.records(SALON) == []
