"""News of records, and notifications that nobody understands: marked, kept, never believed."""

import asyncio
from typing import Any

import httpx2
import pytest

from shared.db import STATEMENT_TIMEOUT_MS
from tests.support.api import PARTNER_TOKEN, RunningApi
from tests.support.notifications import settings
from tests.support.salon_rows import SalonRows
from tests.support.waiting import wait_until

__all__ = ["settings"]

SALON = 1001
SECRET = "hook-of-1001-0123456789"
HOOK = f"/webhook/yclients/hook/{SALON}/{SECRET}"


@pytest.fixture
def salons(database_url: str) -> SalonRows:
    rows = SalonRows(database_url)
    rows.add(SALON, hook=SECRET)
    return rows


def news(**changes: Any) -> dict[str, Any]:
    return {
        "company_id": SALON,
        "resource": "record",
        "resource_id": 555,
        "status": "update",
        "data": {"id": 555, "last_change_date": "2026-03-01T11:00:00+0300"},
        **changes,
    }


def hints(salons: SalonRows) -> list[tuple[Any, ...]]:
    rows = salons.run("SELECT * FROM entity_hints ORDER BY resource, resource_id")
    return [(row["resource"], row["resource_id"], row["status"], row["changed_at"]) for row in rows]


async def send(api: RunningApi, body: object, path: str = HOOK) -> httpx2.Response:
    return await api.http.post(path, json=body)


async def test_a_changed_record_is_marked_once(api: RunningApi, salons: SalonRows) -> None:
    answers = [await send(api, news()) for _ in range(3)]
    before = salons.run("SELECT received_at FROM entity_hints")
    await send(api, news())

    assert {(answer.status_code, answer.json()["success"]) for answer in answers} == {(200, True)}
    assert hints(salons) == [("record", "555", "update", "2026-03-01T11:00:00+0300")]
    assert salons.run("SELECT received_at FROM entity_hints") == before


async def test_a_later_change_moves_the_mark(api: RunningApi, salons: SalonRows) -> None:
    await send(api, news())
    [before] = salons.run("SELECT received_at FROM entity_hints")
    await send(api, news(status="delete", data=[]))

    assert hints(salons) == [("record", "555", "delete", None)]
    [after] = salons.run("SELECT received_at FROM entity_hints")
    assert after["received_at"] > before["received_at"]


@pytest.mark.parametrize(
    "changes",
    [
        {"data": []},
        {"data": None},
        {"data": {"phone": 79990000001}},
        {"company_id": str(SALON)},
        {"resource_id": "555"},
        {"status": None},
        {"data": {"last_change_date": {"date": 1}}},
        {"partner_token": PARTNER_TOKEN},
        {"event": "odd"},
    ],
)
async def test_what_comes_loosely_is_taken(
    api: RunningApi, salons: SalonRows, changes: dict[str, Any]
) -> None:
    answer = await send(api, news(**changes))
    await wait_until(lambda: hints(salons), 15, "it is marked, on a busy machine a little later")

    assert (answer.status_code, answer.json()["success"]) == (200, True)
    assert len(hints(salons)) == 1


@pytest.mark.parametrize(
    "body",
    [
        news(company_id=1002),
        news(resource=None),
        news(resource_id=[]),
        news(resource="x" * 65),
        news(resource_id=True),
        [],
        "record",
        {},
    ],
)
async def test_what_names_no_record_is_refused_with_200(
    api: RunningApi, salons: SalonRows, body: object
) -> None:
    answer = await send(api, body)

    assert (answer.status_code, answer.json()["success"]) == (200, False)
    assert hints(salons) == []


@pytest.mark.parametrize(
    "path",
    [
        f"/webhook/yclients/hook/{SALON}/{SECRET}x",
        f"/webhook/yclients/hook/{SALON}/{SECRET.upper()}",
        f"/webhook/yclients/hook/1002/{SECRET}",
        f"/webhook/yclients/hook/x/{SECRET}",
        f"/webhook/yclients/hook/{SALON}/",
        f"/webhook/yclients/hook/{SALON}",
        f"/webhook/yclients/hook/{'9' * 15}/{SECRET}",
    ],
)
async def test_any_other_address_is_none(api: RunningApi, salons: SalonRows, path: str) -> None:
    answer = await send(api, news(), path)
    wrong_body = await send(api, [], path)

    assert (answer.status_code, wrong_body.status_code) == (404, 404)
    assert hints(salons) == []


async def test_an_uninstalled_salon_has_no_address(api: RunningApi, salons: SalonRows) -> None:
    await salons.change("UPDATE companies SET integration_status = 'uninstalled'")

    assert (await send(api, news())).status_code == 404


@pytest.mark.parametrize("settings", [0.12], indirect=True)
async def test_a_hanging_postgres_loses_no_news(api: RunningApi, salons: SalonRows) -> None:
    """It is sent once. Whether the address was right is found out later."""
    async with salons.locked("entity_hints"):
        started = asyncio.get_running_loop().time()
        right = await send(api, news())
        took_s = asyncio.get_running_loop().time() - started
    async with salons.locked("companies"):
        also_right = await send(api, news(resource="client"))
        wrong = await send(api, news(resource="staff"), HOOK + "x")

    await wait_until(lambda: len(hints(salons)) == 2, 15, "both are marked")

    assert {each.status_code for each in (right, also_right, wrong)} == {200}
    assert took_s < STATEMENT_TIMEOUT_MS / 1000
    assert [hint[0] for hint in hints(salons)] == ["client", "record"]


@pytest.mark.parametrize("settings", [0.12], indirect=True)
async def test_a_hanging_postgres_does_not_hold_news_with_the_token(
    api: RunningApi, salons: SalonRows
) -> None:
    async with salons.locked("entity_hints"):
        told = await asyncio.wait_for(
            send(api, news(partner_token=PARTNER_TOKEN), "/webhook/yclients"),
            STATEMENT_TIMEOUT_MS / 1000,
        )

    await wait_until(lambda: hints(salons), 15, "it is marked")
    assert (told.status_code, told.json()) == (200, {"success": True, "received": True})


async def test_news_at_the_other_address_is_not_lost_and_not_believed(
    api: RunningApi, salons: SalonRows
) -> None:
    without = await send(api, news(), "/webhook/yclients")
    believed = hints(salons)
    with_token = await send(
        api, news(resource="client", partner_token=PARTNER_TOKEN), "/webhook/yclients"
    )

    assert without.json() == {"success": True, "received": True, "skipped": "without_secret"}
    assert believed == []
    assert (with_token.json()["success"], len(hints(salons))) == (True, 1)
    [kept] = salons.run("SELECT * FROM marketplace_notifications")
    assert (kept["kind"], kept["salon_id"]) == ("entity", SALON)


@pytest.mark.parametrize(
    "body",
    [
        b'{"salon_id": 1001, "partner_token": "%s", "what": "ever"}' % PARTNER_TOKEN.encode(),
        b'{"salon_id": 1001, "partner_token": "%s", "a": "\\ud800"}' % PARTNER_TOKEN.encode(),
        b"plain text with %s in it" % PARTNER_TOKEN.encode(),
        b"\x00\xff\xfe%s" % PARTNER_TOKEN.encode(),
        b"[" * 60_000 + PARTNER_TOKEN.encode(),
        b"",
    ],
)
async def test_what_nobody_understands_is_kept_without_the_token(
    api: RunningApi, salons: SalonRows, body: bytes
) -> None:
    answer = await api.http.post("/webhook/yclients/collector", content=body)

    assert answer.status_code == 200
    [kept] = salons.run("SELECT * FROM marketplace_notifications")
    assert kept["kind"] == "collector"
    assert PARTNER_TOKEN not in kept["body"]


async def test_the_collector_is_bounded(api: RunningApi, salons: SalonRows) -> None:
    large = await api.http.post("/webhook/yclients/collector", content=b"x" * 70_000)
    answers = [
        (await api.http.post("/webhook/yclients/collector", content=b"x")).status_code
        for _ in range(62)
    ]

    assert large.status_code == 413
    assert answers[:59] == [200] * 59
    assert answers[-1] == 429
    assert len(salons.run("SELECT 1 FROM marketplace_notifications")) <= 60
