"""Health of the API over real Postgres and Redis, and with each of them away."""

import contextlib
from typing import Any

import pytest

from api_service.core import health, marketplace_state
from api_service.settings import ApiSettings
from tests.support.api import HEALTH_TOKEN, RunningApi, api_settings, running_api
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import PROCESS_ID, WhatsAppSide

DETAILS = {"Authorization": f"Bearer {HEALTH_TOKEN}"}


async def asked_until(api: RunningApi, path: str, status: str) -> dict[str, Any]:
    """What it says as soon as it says that: a check has 1.5 s, and may have less on a busy machine.

    Fails with what it says instead.
    """
    told: list[dict[str, Any]] = []

    async def said() -> bool:
        told.append((await api.http.get(path, headers=DETAILS)).json())
        return bool(told[-1]["status"] == status)

    with contextlib.suppress(TimeoutError):
        await wait_until(said, what=f"{path} is {status}")
    assert told[-1]["status"] == status, told[-1]
    return told[-1]


@pytest.mark.usefixtures("whatsapp")
async def test_healthy_with_everything_there(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of this process' memory other tests have much."""
    monkeypatch.setattr(health, "MEMORY_WARNING_BYTES", 2**40)

    body = await asked_until(api, "/health", "ok")

    assert set(body["checks"]) == {
        "redis",
        "database",
        "whatsapp",
        "queue",
        "memory",
        "lastActivity",
    }
    assert body["checks"]["whatsapp"]["reachable"] is True


async def test_a_credential_store_that_a_whatsapp_process_cannot_reach_is_told(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    """It is not our own database, or is reached in another way."""
    whatsapp.store_answers = False

    sessions = await asked_until(api, "/health/whatsapp", "error")
    overall = await asked_until(api, "/health", "warning")

    assert sessions["process"]["storeless"] == [PROCESS_ID]
    assert sessions["credentialStore"] == {
        "type": "postgres",
        "status": "error",
        "connected": False,
        "latencyMs": None,
    }
    assert overall["checks"]["database"]["status"] == "ok"

    whatsapp.store_answers = True
    await asked_until(api, "/health/whatsapp", "ok")


async def test_warns_without_the_whatsapp_process(api: RunningApi) -> None:
    body = await asked_until(api, "/health", "warning")

    assert body["checks"]["whatsapp"]["reachable"] is False


@pytest.mark.usefixtures("whatsapp")
async def test_ping_travels_through_the_whatsapp_process(api: RunningApi) -> None:
    answer = await api.http.get("/health/pubsub?timeout=20000")

    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["pubsub"]) == ("healthy", "working")
    assert 0 < body["latencyMs"] < 20_000
    assert body["testId"].startswith("ping_")


async def test_ping_without_an_answer_is_a_timeout(api: RunningApi) -> None:
    answer = await api.http.get("/health/pubsub?timeout=500")

    assert answer.status_code == 503
    body = answer.json()
    assert (body["status"], body["pubsub"]) == ("unhealthy", "timeout")
    assert body["latencyMs"] >= 500
    assert body["suggestion"]


async def test_odd_timeouts_are_refused(api: RunningApi) -> None:
    for asked in ("0", "-1", "abc", "30001", "1e3", "٣", "9" * 50, ""):
        answer = await api.http.get("/health/pubsub", params={"timeout": asked})

        assert answer.status_code == 400, asked
        assert answer.json()["code"] == "INVALID_REQUEST"


async def test_simple_ping_needs_no_whatsapp_process(api: RunningApi) -> None:
    body = await asked_until(api, "/health/pubsub/simple", "healthy")

    assert body["redis_pubsub"] == "working"


async def test_marketplace_health_shows_details_to_the_token_only(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (health, marketplace_state):
        monkeypatch.setattr(module, "CHECK_S", PATIENCE_S)
    plain = await api.http.get("/marketplace/health")
    wrong = await api.http.get("/marketplace/health", headers={"Authorization": "Bearer wrong"})
    detailed = await api.http.get("/marketplace/health", headers=DETAILS)

    assert plain.status_code == wrong.status_code == detailed.status_code == 200
    assert set(plain.json()) == set(wrong.json()) == {"status", "timestamp"}
    assert detailed.json()["environment"]["JWT_SECRET"] is True
    assert detailed.json()["services"]["database_connected"] is True
    assert detailed.json()["circuitBreakers"]["qrGeneration"]["state"] == "closed"


async def test_marketplace_health_fails_without_a_needed_setting(settings: ApiSettings) -> None:
    incomplete = settings.model_copy(update={"yclients_app_id": None})
    async with running_api(incomplete) as api:
        answer = await api.http.get("/marketplace/health", headers=DETAILS)

    assert answer.status_code == 503
    assert "YCLIENTS_APP_ID is not set" in answer.json()["warnings"]


async def test_without_redis_and_postgres_the_process_runs_and_says_so() -> None:
    nowhere = api_settings("postgres://nobody@127.0.0.1:1/none", "redis://127.0.0.1:1")
    async with running_api(nowhere, without_redis=True) as api:
        overall = await api.http.get("/health")
        marketplace = await api.http.get("/marketplace/health")
        pubsub = await api.http.get("/health/pubsub?timeout=100")
        sessions = await api.http.get("/health/whatsapp")

    assert overall.status_code == marketplace.status_code == 503
    assert overall.json()["checks"]["redis"]["status"] == "error"
    assert overall.json()["checks"]["database"]["status"] == "error"
    assert (pubsub.status_code, pubsub.json()["pubsub"]) == (503, "error")
    assert (sessions.status_code, sessions.json()["code"]) == (503, "SERVICE_UNAVAILABLE")


async def test_metrics_show_what_the_process_holds(api: RunningApi) -> None:
    text = (await api.http.get("/metrics")).text

    held = {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line[0] != "#"}
    assert held["asyncio_tasks"] >= 3
    assert held["process_threads"] >= 1
    assert held['postgres_connections{pool="api-service"}'] >= 1
    assert held['redis_connections{state="used"}'] >= 2
    assert held["realtime_transports"] == held["realtime_rooms"] == held["realtime_tasks"] == 0
    assert held["requests_waiting"] == 0


async def test_metrics_count_by_route(api: RunningApi) -> None:
    await api.http.get("/health/company/company_1001")

    text = (await api.http.get("/metrics")).text
    assert 'http_requests_total{method="GET",route="/health/company/{id}",status="404"}' in text
