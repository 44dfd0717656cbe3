"""From YClients' signed redirect to the page, with the rows that it leaves in Postgres."""

import asyncio
import base64
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed, Identifier

from api_service.core import connection_check
from api_service.core.tokens import Tokens
from api_service.settings import ApiSettings
from tests.support.api import (
    JWT_SECRET,
    RunningApi,
    api_settings,
    running_api,
    signed_query,
    token_for,
)
from tests.support.waiting import PATIENCE_S

REDIRECT = "/auth/yclients/redirect"
USER = {
    "id": 501,
    "name": "Anna",
    "phone": "79990000001",
    "email": "a@ex.test",
    "is_approved": True,
    "salon_name": "Салон «Весна»",
}


def rows(database_url: str, table: str) -> list[dict[str, Any]]:
    statement = SQL("SELECT * FROM {} ORDER BY id").format(Identifier(table))
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        return connection.execute(statement).fetchall()


async def rename(database_url: str, table: str, new_name: str) -> None:
    """Not in the event loop: an API in it may hold the table, and could never let it go."""
    statement = SQL("ALTER TABLE {} RENAME TO {}").format(Identifier(table), Identifier(new_name))
    await asyncio.to_thread(_execute, database_url, statement)


def _execute(database_url: str, statement: Composed) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(statement)


async def test_a_signed_redirect_registers_the_salon_and_leads_to_the_page(
    api: RunningApi, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time enough to find out that nobody is there to be asked, also on a busy machine."""
    monkeypatch.setattr(connection_check, "CHECK_S", PATIENCE_S)
    answer = await api.http.get(REDIRECT, params={"salon_id": "1001", **signed_query(USER)})

    assert answer.status_code == 302
    path, _, token = answer.headers["location"].partition("?token=")
    assert path == "/marketplace/onboarding"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"

    [company] = rows(database_url, "companies")
    assert company["yclients_id"] == 1001
    assert company["title"] == "Салон «Весна»"
    assert company["integration_status"] == "pending_whatsapp"
    assert company["installation"] == 1
    assert company["marketplace_user_id"] == "501"
    assert company["marketplace_user_phone"] == "79990000001"
    [event] = rows(database_url, "marketplace_events")
    assert (event["company_id"], event["salon_id"]) == (company["id"], 1001)
    assert event["event_type"] == "registration_started"
    assert event["event_data"] == {
        "installation": 1,
        "marketplace_user_id": "501",
        "connection": "unreachable",
        "connection_check": "unverified",
    }

    registration = Tokens(JWT_SECRET).verify(token)
    assert (registration.company_id, registration.salon_id) == (company["id"], 1001)


async def test_every_way_of_naming_the_salon_is_read(api: RunningApi, database_url: str) -> None:
    names = ("salon_id", "salon_ids[0]", "salon_ids[]", "salon_ids")
    for number, name in enumerate(names, start=1002):
        answer = await api.http.get(REDIRECT, params={name: str(number), **signed_query()})
        assert answer.status_code == 302, name

    known = [row["yclients_id"] for row in rows(database_url, "companies")]
    assert known == [1002, 1003, 1004, 1005]


async def test_of_several_salons_the_first_counts(api: RunningApi, database_url: str) -> None:
    await api.http.get(REDIRECT, params={"salon_ids": "1003,1004", **signed_query()})
    await api.http.get(
        REDIRECT, params=[("salon_ids[]", "1005"), ("salon_ids[]", "6"), *signed_query().items()]
    )

    assert [row["yclients_id"] for row in rows(database_url, "companies")] == [1003, 1005]


async def test_the_url_safe_alphabet_is_read(api: RunningApi) -> None:
    signed = signed_query({"name": "ÿÿÿ>>>???"})
    raw = base64.b64decode(signed["user_data"])
    signed["user_data"] = base64.urlsafe_b64encode(raw).decode()
    assert "_" in signed["user_data"] or "-" in signed["user_data"]

    answer = await api.http.get(REDIRECT, params={"salon_id": "1001", **signed})

    assert answer.status_code == 302


async def test_coming_again_begins_a_new_installation(api: RunningApi, database_url: str) -> None:
    for _ in range(2):
        await api.http.get(REDIRECT, params={"salon_id": "1001", **signed_query(USER)})

    [company] = rows(database_url, "companies")
    assert company["installation"] == 2
    assert len(rows(database_url, "marketplace_events")) == 2


async def test_an_active_salon_stays_active(api: RunningApi, database_url: str) -> None:
    await api.http.get(REDIRECT, params={"salon_id": "1001", **signed_query(USER)})
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE companies SET integration_status = 'active'")

    again = {"id": 501, "name": "Анна"}
    answer = await api.http.get(REDIRECT, params={"salon_id": "1001", **signed_query(again)})

    assert answer.status_code == 302
    [company] = rows(database_url, "companies")
    assert company["integration_status"] == "active"
    assert company["installation"] == 1
    assert company["title"] == USER["salon_name"]


MALFORMED: list[tuple[dict[str, str], int]] = [
    ({}, 400),
    ({"salon_id": ""}, 400),
    ({"salon_id": "0"}, 400),
    ({"salon_id": "-1"}, 400),
    ({"salon_id": "01"}, 400),
    ({"salon_id": "1e3"}, 400),
    ({"salon_id": "١٢"}, 400),
    ({"salon_id": "2147483648"}, 400),
    ({"salon_id": "9" * 16}, 400),
    ({"salon_id": "../1"}, 400),
    ({"salon_ids": ","}, 400),
    ({"salon_id": "1001"}, 403),
    ({"salon_id": "1001", "user_data": "", "user_data_sign": ""}, 403),
    ({"salon_id": "1001", "user_data": signed_query()["user_data"]}, 403),
    ({"salon_id": "1001", **signed_query(), "user_data_sign": "00" * 32}, 403),
    ({"salon_id": "1001", **signed_query(), "user_data_sign": "ж"}, 403),
    ({"salon_id": "1001", "user_data": "*" * 10, "user_data_sign": "00"}, 400),
    ({"salon_id": "1001", "user_data": "A" * 9000, "user_data_sign": "00"}, 400),
]


async def test_a_malformed_redirect_is_refused_and_changes_nothing(
    api: RunningApi, database_url: str
) -> None:
    for query, status in MALFORMED:
        answer = await api.http.get(REDIRECT, params=query)

        assert answer.status_code == status, query
        assert answer.headers["content-type"].startswith("text/html")
        assert "YClients" in answer.text
    assert rows(database_url, "companies") == []
    assert rows(database_url, "marketplace_events") == []


@pytest.mark.parametrize(
    "secret_lost", [{"jwt_secret": ""}, {"yclients_partner_token": ""}], ids=str
)
async def test_a_redirect_without_configuration_is_503(
    database_url: str, redis_url: str, secret_lost: dict[str, str]
) -> None:
    async with running_api(api_settings(database_url, redis_url, **secret_lost)) as api:
        answer = await api.http.get(REDIRECT, params={"salon_id": "1001", **signed_query()})

    assert answer.status_code == 503
    assert "не настроен" in answer.text


async def test_odd_user_data_is_cleaned_before_it_is_stored(
    api: RunningApi, database_url: str
) -> None:
    odd = {"id": True, "name": "A\u0000\ud800nna" + "x" * 500, "phone": 79990000001, "email": []}

    answer = await api.http.get(REDIRECT, params={"salon_id": "1001", **signed_query(odd)})

    assert answer.status_code == 302
    [company] = rows(database_url, "companies")
    assert company["marketplace_user_id"] is None
    assert company["marketplace_user_name"].startswith("Annax")
    assert len(company["marketplace_user_name"]) == 200
    assert company["marketplace_user_phone"] == "79990000001"
    assert company["marketplace_user_email"] is None


async def test_the_page_needs_a_token(api: RunningApi) -> None:
    without = await api.http.get("/marketplace/onboarding")
    wrong = await api.http.get("/marketplace/onboarding?token=eyJhbGciOiJub25lIn0.e30.")

    assert (without.status_code, wrong.status_code) == (400, 401)
    for answer in (without, wrong):
        assert answer.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe-inline" not in answer.headers["content-security-policy"]


async def test_the_page_is_served_with_headers_that_keep_the_token(
    settings: ApiSettings, tmp_path: Any
) -> None:
    (tmp_path / "onboarding.html").write_text("<!doctype html><p>страница</p>", "utf-8")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "app-1.js").write_text("// " + "x" * 2000, "utf-8")
    (tmp_path / "socket.io.js").write_text("// client", "utf-8")
    async with running_api(settings.model_copy(update={"page_dir": tmp_path})) as api:
        page = await api.http.get(f"/marketplace/onboarding?token={token_for(1001)}")
        asset = await api.http.get("/marketplace/assets/app-1.js")
        missing = await api.http.get("/marketplace/assets/../onboarding.html")
        client = await api.http.get("/socket.io/socket.io.js")

    assert page.status_code == 200
    assert "страница" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "x-frame-options" not in page.headers
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors https://*.yclients.com https://*.yclients.ru" in policy
    assert "immutable" in asset.headers["cache-control"]
    assert asset.headers["content-encoding"] == "gzip"
    assert missing.status_code == 404
    assert client.text == "// client"
    assert client.headers["content-type"].startswith("text/javascript")


async def test_a_page_that_was_never_built_is_said_to_be_missing(
    settings: ApiSettings, tmp_path: Any
) -> None:
    async with running_api(settings.model_copy(update={"page_dir": tmp_path})) as api:
        page = await api.http.get(f"/marketplace/onboarding?token={token_for(1001)}")
        client = await api.http.get("/socket.io/socket.io.js")

    assert page.status_code == 503
    assert client.status_code == 404


async def test_without_postgres_the_redirect_says_so_and_works_again_later(
    settings: ApiSettings, database_url: str
) -> None:
    async with running_api(settings) as api:
        await rename(database_url, "companies", "companies_away")
        away = await api.http.get(REDIRECT, params={"salon_id": "1001", **signed_query()})
        await rename(database_url, "companies_away", "companies")
        back = await api.http.get(REDIRECT, params={"salon_id": "1001", **signed_query()})

    assert (away.status_code, back.status_code) == (503, 302)
    assert rows(database_url, "marketplace_events")[0]["salon_id"] == 1001
