"""Who may what in the admin API, and what is kept of a token."""

import pytest

from api_service.core.admin.operators import hash_of
from api_service.store.admin_tokens import Role
from tests.support.admin_world import ADMIN, AdminWorld, make_token
from tests.support.api import ADMIN_TOKEN

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEEDED = [
    ("GET", "/salons", Role.ADMIN),
    ("GET", "/circuit-breaker/stats", Role.ADMIN),
    ("POST", "/circuit-breaker/reset", Role.MARKETPLACE_ADMIN),
    ("POST", "/salons/999999/activation/retry", Role.MARKETPLACE_ADMIN),
    ("GET", "/audit", Role.SUPERADMIN),
]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("method", "path", "needed"), NEEDED)
async def test_a_role_may_what_it_may_and_no_more(
    admin_world: AdminWorld, method: str, path: str, needed: Role, role: Role
) -> None:
    answer = await admin_world.api.http.request(
        method, f"{ADMIN}{path}", headers=admin_world.bearer(role)
    )

    if role.may(needed):
        assert answer.status_code in {200, 404}
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "ADMIN_ROLE_REQUIRED")


async def test_the_token_of_the_environment_is_a_superadmins(admin_world: AdminWorld) -> None:
    operator = {"Authorization": f"Bearer {ADMIN_TOKEN}"}

    reset = await admin_world.api.http.post(f"{ADMIN}/circuit-breaker/reset", headers=operator)
    audit = await admin_world.api.http.get(
        f"{ADMIN}/audit", headers=operator, params={"actor": "environment"}
    )

    assert (reset.status_code, audit.status_code) == (200, 200)
    record = audit.json()["records"][0]
    assert (record["actor"], record["role"]) == ("environment", "superadmin")
    assert (record["action"], record["outcome"]) == ("breaker_reset", "done")
    assert record["address"] == "127.0.0.1"
    assert record["detail"]["breakers"] == ["qrGeneration", "yclients"]


async def test_a_revoked_token_opens_nothing_from_the_next_request_on(
    admin_world: AdminWorld,
) -> None:
    token = make_token(admin_world.database_url, "short-lived", Role.ADMIN)
    headers = {"Authorization": f"Bearer {token}"}
    assert (await admin_world.api.http.get(f"{ADMIN}/salons", headers=headers)).status_code == 200

    admin_world.rows("UPDATE admin_tokens SET revoked_at = now() WHERE name = 'short-lived'")

    refused = await admin_world.api.http.get(f"{ADMIN}/salons", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "ADMIN_TOKEN_INVALID")


async def test_only_the_hash_of_a_token_is_kept(admin_world: AdminWorld) -> None:
    token = admin_world.tokens[Role.ADMIN]
    await admin_world.get("/salons")

    (row,) = admin_world.rows(
        "SELECT admin_tokens::text AS whole, token_hash, last_used_at FROM admin_tokens"
        " WHERE name = 'test-admin'"
    )

    assert token not in row["whole"]
    assert row["token_hash"] == hash_of(token)
    assert row["last_used_at"] is not None


async def test_a_hash_that_was_read_from_the_database_is_no_token(
    admin_world: AdminWorld,
) -> None:
    stolen = hash_of(admin_world.tokens[Role.SUPERADMIN]).hex()
    for token in (stolen, f"aia_{stolen}"):
        headers = {"Authorization": f"Bearer {token}"}
        answer = await admin_world.api.http.get(f"{ADMIN}/salons", headers=headers)
        assert answer.status_code == 401
