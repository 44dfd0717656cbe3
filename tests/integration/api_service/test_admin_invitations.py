"""The admin route that gives a fresh onboarding link to a salon."""

from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from api_service.core.tokens import LIFETIME_S
from api_service.store.admin_tokens import Role
from tests.support.admin_world import AdminWorld
from tests.support.api import JWT_SECRET

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_operator_gets_a_link_that_opens_the_page(admin_world: AdminWorld) -> None:
    salon = admin_world.salon(3701, title="Салон", marketplace_user_id="15")

    answer = await admin_world.post(f"/salons/{salon}/invitation")

    assert answer.status_code == 200, answer.text
    url = answer.json()["url"]
    [token] = parse_qs(urlsplit(url).query)["token"]
    claims = jwt.decode(token, JWT_SECRET, algorithms=["HS256"])
    assert claims["exp"] - claims["iat"] == LIFETIME_S
    assert (claims["salon_id"], claims["company_title"]) == (salon, "Салон")
    assert claims["user_data"] == {"id": "15", "salon_name": "Салон"}
    page = await admin_world.api.http.get(urlsplit(url).path, params={"token": token})
    assert page.status_code == 200


async def test_it_is_recorded_that_a_link_was_given_not_the_link(
    admin_world: AdminWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    salon = admin_world.salon(3702)

    answer = await admin_world.post(f"/salons/{salon}/invitation")

    [token] = parse_qs(urlsplit(answer.json()["url"]).query)["token"]
    [record] = admin_world.records(salon)
    assert (record["action"], record["outcome"]) == ("invitation", "done")
    assert token not in str(record)
    output = capsys.readouterr()
    assert token not in output.out + output.err


@pytest.mark.parametrize(
    ("status", "code"),
    [("uninstalled", "SALON_NOT_CONNECTED"), ("frozen", "SALON_FROZEN")],
)
async def test_a_salon_that_could_not_use_it_gets_none(
    admin_world: AdminWorld, status: str, code: str
) -> None:
    salon = admin_world.salon(3703 if status == "frozen" else 3704, status)

    answer = await admin_world.post(f"/salons/{salon}/invitation")

    assert answer.json()["code"] == code
    assert admin_world.records(salon) == []


async def test_who_may_only_read_gets_none(admin_world: AdminWorld) -> None:
    salon = admin_world.salon(3705)

    answer = await admin_world.post(f"/salons/{salon}/invitation", role=Role.ADMIN)

    assert answer.status_code == 403


async def test_a_salon_that_nobody_knows_gets_none(admin_world: AdminWorld) -> None:
    answer = await admin_world.post("/salons/3799/invitation")

    assert answer.json()["code"] == "NOT_FOUND"
