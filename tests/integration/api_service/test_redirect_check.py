"""A redirect names a salon, which nobody signed: what YClients says of it decides."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import uuid4

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from api_service.core import connection_check, thawing
from api_service.core.connection_check import CHECK_S
from tests.support.api import api_settings, running_api, signed_query, token_for
from tests.support.redirects import OWNER, REDIRECT, STRANGER, Place, connection
from tests.support.scripted_yclients import (
    HTML,
    Script,
    answer,
    hang,
    refusal,
    reset,
    scripted_yclients,
    success,
)
from tests.support.waiting import PATIENCE_S
from tests.support.whatsapp_side import whatsapp_side

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_place(module_database_url: str, valkey_url: str) -> AsyncIterator[Place]:
    async with scripted_yclients() as yclients:
        settings = api_settings(
            module_database_url,
            valkey_url,
            yclients_url=yclients.url,
            yclients_calls_per_second=5,
            encryption_keys="",  # nothing is activated: what a redirect leaves is looked at
        )
        async with running_api(settings) as api:
            yield Place(module_database_url, api, yclients)


@pytest_asyncio.fixture(loop_scope="module")
async def place(module_place: Place, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The calls of other tests count neither in the budget nor in the breaker.

    An owner waits longer: a busy machine may need more than 2.5 s to ask and to hear.
    """
    monkeypatch.setattr(connection_check, "CHECK_S", PATIENCE_S)
    async with Redis.from_url(valkey_url) as redis:
        await redis.flushall()
    await asyncio.to_thread(module_place.run, "TRUNCATE companies, marketplace_events")
    return module_place


async def test_a_salon_for_which_yclients_waits_is_verified(place: Place) -> None:
    place.yclients.will(connection("pending"))

    page = await place.visit()

    assert page.status_code == 302
    [asked] = place.yclients.asked
    assert (asked.method, asked.target) == ("GET", "/marketplace/salon/1001/application/77")
    assert place.company["connection_check"] == "verified"
    assert place.company["integration_status"] == "pending_whatsapp"
    assert place.event == {
        "installation": 1,
        "marketplace_user_id": "501",
        "connection": "pending",
        "connection_check": "verified",
    }


SILENCES: Final[dict[str, tuple[Script, str]]] = {
    "application unknown": (refusal(400, "Агрегатор не найден"), "application_unknown"),
    "not installed": (refusal(404, "Нет"), "not_installed"),
    "forbidden": (refusal(403, "Нет доступа"), "forbidden"),
    "5xx": (answer(503), "server_error"),
    "HTML": (answer(200, HTML, content_type="text/html"), "unreadable"),
    "limit": (answer(429), "rate_limited"),
    "reset": (reset, "connection_lost"),
    "nothing said": (success([]), "no_status"),
}


@pytest.mark.parametrize("name", SILENCES)
async def test_without_an_answer_the_owner_goes_on_unverified(place: Place, name: str) -> None:
    step, word = SILENCES[name]
    place.yclients.will(step)

    page = await place.visit()

    assert page.status_code == 302
    assert place.company["connection_check"] == "unverified"
    assert place.event["connection"] == word


async def test_the_owner_waits_for_yclients_only_so_long(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_check, "CHECK_S", CHECK_S)
    place.yclients.will(hang)
    started = asyncio.get_running_loop().time()

    page = await place.visit()

    assert page.status_code == 302
    assert 2 < asyncio.get_running_loop().time() - started < 10
    assert place.event["connection"] == "timeout"


@pytest.mark.parametrize(
    ("said", "before", "user", "status", "text"),
    [
        ("uninstalled", None, OWNER, 409, "не ждёт подключения"),
        ("uninstalled", "active", OWNER, 409, "не ждёт подключения"),
        ("sleeping", None, OWNER, 409, "не ждёт подключения"),
        ("active", None, OWNER, 409, "не ждёт подключения"),
        ("active", "active", STRANGER, 403, "другой пользователь"),
        ("active", "active", {"name": "Безымянный"}, 403, "другой пользователь"),
        ("freezed", "frozen", STRANGER, 403, "другой пользователь"),
    ],
)
async def test_another_state_is_refused_with_a_page_and_changes_nothing(
    place: Place, said: str, before: str | None, user: dict[str, Any], status: int, text: str
) -> None:
    if before:
        place.salon(integration_status=before)
    place.yclients.will(connection(said))

    page = await place.visit(user)

    assert page.status_code == status
    assert page.headers["content-type"].startswith("text/html")
    assert text in page.text
    assert place.run("SELECT id FROM marketplace_events") == []
    rows = place.run("SELECT marketplace_user_id AS id, installation FROM companies")
    assert rows == ([{"id": "501", "installation": 3}] if before else [])


async def test_an_outage_of_yclients_opens_no_live_salon_to_others(place: Place) -> None:
    place.salon(integration_status="active")
    place.yclients.will(refusal(404, "Нет"))

    stranger, owner = await place.visit(STRANGER), await place.visit(OWNER)

    assert (stranger.status_code, owner.status_code) == (403, 302)
    assert place.company["integration_status"] == "active"


async def test_an_active_salon_that_comes_again_keeps_its_state(place: Place) -> None:
    place.salon(integration_status="active", api_key="sealed")
    place.yclients.will(connection("active"))

    page = await place.visit()

    assert page.status_code == 302
    company = place.company
    assert (company["integration_status"], company["installation"]) == ("active", 3)
    assert (company["api_key"], company["connection_check"]) == ("sealed", "verified")
    assert company["activation_due_at"] is None


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("before", ["active", "uninstalled"])
async def test_an_uninstall_that_was_missed_begins_a_new_installation(
    place: Place, before: str, linked: bool
) -> None:
    place.salon(
        integration_status=before,
        whatsapp_connected=linked,
        api_key="sealed",
        activation_failures=3,
        activation_claim=uuid4(),
        activation_sent_at="2026-03-01",
        activation_reason="refused",
        erase_due_at="2026-03-01",
    )
    place.yclients.will(connection("pending"))

    await place.visit()

    company = place.company
    assert (company["integration_status"], company["installation"]) == ("pending_whatsapp", 4)
    assert company["due"] is (True if linked else None)
    assert company["activation_failures"] == 0
    left = (
        "api_key",
        "activation_claim",
        "activation_sent_at",
        "activation_reason",
        "erase_due_at",
    )
    assert [company[name] for name in left] == [None] * 5


@pytest.mark.parametrize(
    ("before", "after"),
    [("activation_pending", "activation_pending"), ("activation_failed", "pending_whatsapp")],
)
async def test_an_activation_that_waits_is_tried_at_once(
    place: Place, before: str, after: str
) -> None:
    place.salon(integration_status=before, activation_failures=4, activation_due_at="2099-01-01")
    place.yclients.will(connection("pending"))

    await place.visit()

    company = place.company
    assert (company["integration_status"], company["installation"]) == (after, 3)
    assert (company["due"], company["activation_failures"]) == (True, 0)


async def test_what_an_operator_has_to_send_stays_the_same(place: Place) -> None:
    """YClients waits until he has sent it, however often the owner comes."""
    place.salon(
        integration_status="pending_callback",
        api_key="sealed",
        webhook_secret="sealed too",
        activation_due_at="2099-01-01",
    )
    place.yclients.will(connection("pending"))

    await place.visit()

    company = place.company
    assert (company["integration_status"], company["installation"]) == ("pending_callback", 3)
    assert (company["api_key"], company["webhook_secret"]) == ("sealed", "sealed too")
    assert company["due"]


async def test_a_salon_of_the_previous_system_without_a_status_is_onboarded(place: Place) -> None:
    place.salon(integration_status=None, installation=0)
    place.yclients.will(connection("pending"))
    token = {"token": token_for(1001)}

    before = await place.api.http.post("/marketplace/activate", json=token)
    page = await place.visit()

    assert (before.status_code, page.status_code) == (202, 302)
    company = place.company
    assert (company["integration_status"], company["installation"]) == ("pending_whatsapp", 1)


async def test_an_activation_in_hand_is_left_to_who_has_it(place: Place) -> None:
    claim = uuid4()
    place.salon(
        integration_status="activating", activation_claim=claim, activation_due_at="2099-01-01"
    )
    place.yclients.will(connection("pending"))

    await place.visit()

    assert (place.company["activation_claim"], place.company["due"]) == (claim, False)


async def test_what_yclients_said_before_the_activation_ended_is_no_uninstall(
    place: Place,
) -> None:
    """It says pending; by the time this is heard, the salon has become active."""
    place.salon(integration_status="activating", activation_claim=uuid4())
    heard = asyncio.Event()

    async def late(writer: asyncio.StreamWriter) -> None:
        place.run("UPDATE companies SET integration_status = 'active', activation_claim = NULL")
        heard.set()
        await connection("pending")(writer)

    place.yclients.will(late)

    await place.visit()

    assert heard.is_set()
    company = place.company
    assert (company["integration_status"], company["installation"]) == ("active", 3)


async def test_a_frozen_salon_stays_frozen_while_its_whatsapp_cannot_be_thawed(
    place: Place,
) -> None:
    place.salon(integration_status="frozen")
    place.yclients.will(connection("active"))

    page = await place.visit()

    assert page.status_code == 302
    assert place.company["integration_status"] == "frozen"


@pytest.mark.parametrize(
    ("said", "after", "installation"), [("active", "active", 3), ("pending", "pending_whatsapp", 4)]
)
async def test_a_frozen_salon_that_yclients_takes_up_again_is_thawed(
    place: Place,
    valkey_url: str,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    after: str,
    installation: int,
) -> None:
    monkeypatch.setattr(thawing, "DEADLINE_S", PATIENCE_S)
    place.salon(integration_status="frozen")
    place.yclients.will(connection(said))
    async with whatsapp_side(valkey_url) as whatsapp:
        whatsapp.reaction = whatsapp.result
        await place.visit()

    [command] = whatsapp.commands
    assert (command.type, command.company_id) == ("thaw", "company_1001")
    company = place.company
    assert (company["integration_status"], company["installation"]) == (after, installation)


async def test_of_many_that_come_at_once_one_registers_the_salon(place: Place) -> None:
    place.yclients.will(connection("pending"))

    pages = await asyncio.gather(*(place.visit() for _ in range(8)))

    assert {page.status_code for page in pages} == {302}
    assert place.company["installation"] == 8


async def test_a_false_signature_makes_us_ask_nothing(place: Place) -> None:
    place.yclients.will(connection("pending"))
    query = {**signed_query(OWNER), "user_data_sign": "00" * 32}

    page = await place.api.http.get(REDIRECT, params={"salon_id": "1001", **query})

    assert page.status_code == 403
    assert place.yclients.asked == []


async def test_nobody_is_refused_unless_it_is_wanted(place: Place, valkey_url: str) -> None:
    place.yclients.will(connection("uninstalled"))
    settings = api_settings(
        place.database_url,
        valkey_url,
        yclients_url=place.yclients.url,
        require_pending_connection=False,
    )
    async with running_api(settings) as api:
        query = {"salon_id": "1001", **signed_query(OWNER)}
        page = await api.http.get(REDIRECT, params=query)

    assert page.status_code == 302
    assert place.company["connection_check"] == "unverified"
    assert place.event["connection"] == "uninstalled"


async def test_without_redis_nobody_is_asked_and_the_owner_goes_on(place: Place) -> None:
    settings = api_settings(
        place.database_url, "redis://127.0.0.1:9", yclients_url=place.yclients.url
    )
    place.yclients.will(connection("uninstalled"))
    async with running_api(settings, without_redis=True) as api:
        query = {"salon_id": "1001", **signed_query(OWNER)}
        page = await api.http.get(REDIRECT, params=query)

    assert page.status_code == 302
    assert place.event["connection"] == "budget_unavailable"
    assert place.yclients.asked == []


async def test_it_all_works_in_a_frame_of_yclients(place: Place) -> None:
    place.yclients.will(connection("pending"), connection("uninstalled"))

    redirect = await place.visit()
    page = await place.api.http.get(redirect.headers["location"])
    refused = await place.visit()

    for shown in (page, refused):
        policy = shown.headers["content-security-policy"]
        assert "frame-ancestors https://*.yclients.com https://*.yclients.ru" in policy
    for any_answer in (redirect, page, refused):
        assert "set-cookie" not in any_answer.headers
        assert "x-frame-options" not in any_answer.headers
