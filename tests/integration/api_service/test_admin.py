"""The operator's routes: who may, how often, and that a reset is for all processes."""

import pytest

from api_service.core import linking
from api_service.settings import ApiSettings
from api_service.store.admin_tokens import Role
from tests.support.admin_world import make_token
from tests.support.api import ADMIN_TOKEN, RunningApi, api_settings, running_api, token_for
from tests.support.waiting import PATIENCE_S
from tests.support.whatsapp_side import WhatsAppSide

BREAKER = "/marketplace/admin/circuit-breaker"
OPERATOR = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


@pytest.fixture
def settings(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> ApiSettings:
    """A session has little time; a busy machine has enough to say that it did not answer."""
    monkeypatch.setattr(linking, "LATE_S", PATIENCE_S)
    return api_settings(
        database_url, redis_url, qr_deadline_s=0.1, admin_requests_per_minute=4, breaker_failures=2
    )


async def test_a_reset_through_one_process_closes_the_breaker_of_the_other(
    api: RunningApi, settings: ApiSettings, whatsapp: WhatsAppSide
) -> None:
    assert whatsapp.reaction is None
    async with running_api(settings) as other:
        for _ in range(2):
            await api.post_qr(token_for(1001))
        refused = await other.post_qr(token_for(1001))
        assert refused.json()["code"] == "SERVICE_UNAVAILABLE"
        assert 0 < refused.json()["retry_after"] <= 60

        reset = await api.http.post(f"{BREAKER}/reset", headers=OPERATOR)

        assert reset.json()["circuitBreakers"]["qrGeneration"]["state"] == "closed"
        again = await other.post_qr(token_for(1001))
        assert again.json()["code"] == "QR_TIMEOUT"


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", f"Basic {ADMIN_TOKEN}"])
async def test_without_the_admin_token_nothing_is_shown(
    api: RunningApi, authorization: str
) -> None:
    answer = await api.http.get(f"{BREAKER}/stats", headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert "circuitBreakers" not in answer.text


async def test_a_salons_token_is_no_admin_token(api: RunningApi) -> None:
    salon = {"Authorization": f"Bearer {token_for(1001)}"}
    assert (await api.http.post(f"{BREAKER}/reset", headers=salon)).status_code == 401


async def test_the_limit_counts_down_and_then_refuses_the_right_token_too(api: RunningApi) -> None:
    left = []
    for headers in (OPERATOR, {}, OPERATOR, OPERATOR):
        answer = await api.http.get(f"{BREAKER}/stats", headers=headers)
        left.append(answer.headers["x-ratelimit-remaining"])

    refused = await api.http.get(f"{BREAKER}/stats", headers=OPERATOR)

    assert left == ["3", "2", "1", "0"]
    assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMITED")
    assert refused.headers["x-ratelimit-limit"] == "4"
    assert int(refused.headers["x-ratelimit-reset"]) > 1_700_000_000
    assert 0 < int(refused.headers["retry-after"]) <= 61


async def test_without_admin_token_in_the_environment_only_made_tokens_are_let_in(
    database_url: str, redis_url: str
) -> None:
    made = make_token(database_url, "anna", Role.ADMIN)
    async with running_api(api_settings(database_url, redis_url, admin_token="")) as api:
        for token, status in ((made, 200), ("none", 401), (ADMIN_TOKEN, 401), (f"{made}x", 401)):
            headers = {"Authorization": f"Bearer {token}"}
            answer = await api.http.get(f"{BREAKER}/stats", headers=headers)
            assert answer.status_code == status


async def test_nothing_is_reset_that_cannot_be_recorded(redis_url: str) -> None:
    nowhere = api_settings("postgres://nobody@127.0.0.1:1/none", redis_url)
    async with running_api(nowhere) as api:
        stats = await api.http.get(f"{BREAKER}/stats", headers=OPERATOR)
        reset = await api.http.post(f"{BREAKER}/reset", headers=OPERATOR)

    assert stats.status_code == 200
    assert (reset.status_code, reset.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
