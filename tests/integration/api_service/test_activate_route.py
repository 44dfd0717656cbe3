"""POST /marketplace/activate: what each asker is answered, and what is refused."""

import asyncio
import time
from typing import Any, Final

import jwt
import pytest
from structlog.testing import capture_logs

from api_service.store.activations import IntegrationStatus
from tests.support.api import JWT_SECRET, token_for
from tests.support.api_world import World
from tests.support.salons import Salons

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACTIVATE: Final = "/marketplace/activate"


@pytest.fixture
def salons(module_database_url: str) -> Salons:
    return Salons(module_database_url)


async def post(world: World, body: object) -> tuple[int, dict[str, Any]]:
    answer = await world.api.http.post(ACTIVATE, json=body)
    return answer.status_code, answer.json()


async def change(salons: Salons, statement: str, *values: object) -> None:
    """Not in the event loop: an API in it may hold the row, and could never let it go."""
    await asyncio.to_thread(salons.run, statement, *values)


async def set_status(salons: Salons, status: str) -> None:
    await change(
        salons,
        "UPDATE companies SET integration_status = %s, whatsapp_connected = false,"
        " activation_due_at = NULL WHERE yclients_id = 1001",
        status,
    )


TOLD: Final = [
    ("active", 200, {"success": True}),
    ("pending_whatsapp", 202, {"success": True, "status": "activation_pending"}),
    ("activation_pending", 202, {"success": True, "status": "activation_pending"}),
    ("pending_callback", 202, {"success": True, "status": "activation_pending"}),
    ("activation_failed", 500, {"success": False, "code": "ACTIVATION_FAILED"}),
    ("frozen", 409, {"code": "SALON_FROZEN"}),
    ("uninstalled", 400, {"code": "REGISTRATION_NOT_FOUND"}),
]


@pytest.mark.parametrize(("status", "code", "part"), TOLD)
async def test_how_the_salon_stands_is_answered(
    world: World, salons: Salons, status: str, code: int, part: dict[str, Any]
) -> None:
    await set_status(salons, status)
    try:
        answered, body = await post(world, {"token": token_for(1001)})
    finally:
        await set_status(salons, "pending_whatsapp")

    assert answered == code
    assert part.items() <= body.items()
    assert body.get("error") or body["message"]
    if body.get("success"):
        assert (body["salon_id"], body["company_id"]) == (1001, salons.row(1001)["id"])


async def test_every_status_has_its_answer() -> None:
    assert {status for status, _, _ in TOLD} | {"activating"} == set(IntegrationStatus)


async def test_a_token_of_an_hour_ago_is_told_how_long_it_is_over(world: World) -> None:
    now = int(time.time())
    claims = {
        "company_id": 1,
        "salon_id": 1001,
        "type": "marketplace_registration",
        "iat": now - 4_000,
        "exp": now - 400,
    }
    stale = jwt.encode(claims, JWT_SECRET, algorithm="HS256")

    code, body = await post(world, {"token": stale})

    assert (code, body["code"]) == (400, "REGISTRATION_EXPIRED")
    assert body["expired_minutes_ago"] == 7
    assert body["error"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "TOKEN_MISSING"),
        ({"token": ""}, 400, "TOKEN_MISSING"),
        ({"token": 7}, 400, "TOKEN_MISSING"),
        ({"token": "eyJhbGciOiJub25lIn0.e30."}, 401, "TOKEN_INVALID"),
        ({"token": token_for(1001)[:-1] + "~"}, 401, "TOKEN_INVALID"),
        ({"token": token_for(999)}, 400, "REGISTRATION_NOT_FOUND"),
        ([], 400, "INVALID_REQUEST"),
        ("text", 400, "INVALID_REQUEST"),
        (None, 400, "INVALID_REQUEST"),
    ],
)
async def test_what_is_wrong_is_refused_and_changes_nothing(
    world: World, body: object, status: int, code: str
) -> None:
    async with world.witness.nothing_changes() as report:
        answered, told = await post(world, body)

    assert (answered, told["code"]) == (status, code)
    assert report.events == ["request_refused"]


async def test_what_is_no_json_or_too_large_is_refused(world: World) -> None:
    http = world.api.http
    for content, status, code in (
        (b"", 400, "INVALID_REQUEST"),
        (b"{", 400, "INVALID_REQUEST"),
        (b"\xff\xfe", 400, "INVALID_REQUEST"),
        (b"[" * 100_000, 413, "PAYLOAD_TOO_LARGE"),
        (b'{"token": "' + b"x" * 10_000_000 + b'"}', 413, "PAYLOAD_TOO_LARGE"),
    ):
        with capture_logs() as logs:
            answer = await http.post(ACTIVATE, content=content)

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        refused = [line for line in logs if line["log_level"] != "debug"]
        assert [line["event"] for line in refused] == ["request_refused"]
        assert "Traceback" not in answer.text


async def test_without_postgres_it_says_so(world: World, salons: Salons) -> None:
    await change(salons, "ALTER TABLE companies RENAME TO companies_away")
    try:
        code, body = await post(world, {"token": token_for(1001)})
    finally:
        await change(salons, "ALTER TABLE companies_away RENAME TO companies")

    assert (code, body["code"]) == (503, "SERVICE_UNAVAILABLE")
