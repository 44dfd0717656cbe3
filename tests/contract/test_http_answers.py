"""Every HTTP answer of the API, as the golden file has it."""

import asyncio
import re
from typing import Any

import httpx2
import pytest

from api_service.core import health, marketplace_state, session_report
from api_service.settings import ApiSettings
from api_service.web import health as health_routes
from shared.bus import heartbeat, ping
from shared.company_id import SalonId, session_id_of
from shared.messages.commands import Command
from shared.messages.status import SessionStatus
from tests.support.api import (
    ADMIN_TOKEN,
    HEALTH_TOKEN,
    RunningApi,
    api_settings,
    running_api,
    signed_query,
    token_for,
)
from tests.support.golden import assert_golden, steady
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import WhatsAppSide

SALON = SalonId(1001)
SESSION = session_id_of(SALON)
PHONE = "79990000001"
COOL_DOWN_S = 60
CHANGING = frozenset(
    {
        "timestamp",
        "uptime",
        "latencyMs",
        "database_latency_ms",
        "redis_latency_ms",
        "residentMb",
        "testId",
        "expires_at",
        "updatedAt",
        "lastEventAt",
        "connectedSince",
        "phoneSeen",
        "at",
        "size",
        "inUse",
        "waiting",
    }
)
HEADERS = (
    "content-type",
    "cache-control",
    "referrer-policy",
    "content-security-policy",
    "www-authenticate",
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-content-type-options",
)


@pytest.fixture
def settings(request: pytest.FixtureRequest, database_url: str, redis_url: str) -> ApiSettings:
    """Impatient with a QR, except where one is to come."""
    return api_settings(database_url, redis_url, qr_deadline_s=getattr(request, "param", 0.3))


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a busy machine answers slowly is no other answer."""
    monkeypatch.setattr(marketplace_state, "SLOW_DATABASE_MS", 60_000)
    monkeypatch.setattr(marketplace_state, "SLOW_REDIS_MS", 60_000)


@pytest.fixture
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where everything is there: what answers slowly does answer."""
    for module in (health, health_routes, session_report, marketplace_state):
        monkeypatch.setattr(module, "CHECK_S", 20.0)
    monkeypatch.setattr(health, "PONG_S", 20.0)
    monkeypatch.setattr(ping, "LAGGARDS_S", 20.0)
    monkeypatch.setattr(heartbeat, "LIFETIME_MS", 60_000)


def as_golden(answer: httpx2.Response) -> dict[str, Any]:
    headers = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
    if "location" in answer.headers:
        headers["location"] = re.sub(r"token=[\w.-]+$", "token=<token>", answer.headers["location"])
    body: Any = None
    if answer.headers.get("content-type", "").startswith("application/json"):
        body = steady(answer.json(), CHANGING)
    return {"status": answer.status_code, "headers": headers, "body": body}


async def check(case: str, answer: httpx2.Response) -> None:
    assert_golden("http_answers", case, as_golden(answer))


def counted_down(value: Any) -> Any:
    """``value`` as in the breaker's first second: a busy machine may have needed some."""
    if isinstance(value, dict):
        return {
            name: COOL_DOWN_S if name == "retry_after" and 0 < item <= COOL_DOWN_S else item
            for name, item in ((name, counted_down(item)) for name, item in value.items())
        }
    return value


async def check_while_open(case: str, answer: httpx2.Response) -> None:
    golden = as_golden(answer)
    body, headers = golden["body"], golden["headers"]
    if "retry-after" in headers:
        assert headers["retry-after"] == str(body["retry_after"])
        headers["retry-after"] = str(COOL_DOWN_S)
    assert_golden("http_answers", case, {**golden, "body": counted_down(body)})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_entry(api: RunningApi) -> None:
    redirect = "/auth/yclients/redirect"
    signed = {"salon_id": "1001", **signed_query()}
    await check("redirect", await api.http.get(redirect, params=signed))
    await check("redirect without a salon", await api.http.get(redirect, params=signed_query()))
    await check("redirect unsigned", await api.http.get(redirect, params={"salon_id": "1001"}))
    forged = {**signed, "user_data_sign": "0" * 64}
    await check("redirect forged", await api.http.get(redirect, params=forged))
    await check("onboarding without a token", await api.http.get("/marketplace/onboarding"))
    wrong = await api.http.get("/marketplace/onboarding", params={"token": "x"})
    await check("onboarding with a wrong token", wrong)
    await check("unknown path", await api.http.get("/nothing/here"))
    await check("wrong method", await api.http.get("/marketplace/api/qr"))


@pytest.mark.usefixtures("whatsapp")
async def test_no_qr(api: RunningApi) -> None:
    await check("qr without a token", await api.http.post("/marketplace/api/qr"))
    await check("qr not in time", await api.post_qr(token_for(SALON)))


@pytest.mark.parametrize("settings", [13.0], indirect=True, ids=["patient"])
async def test_linking(api: RunningApi, whatsapp: WhatsAppSide) -> None:

    async def react(command: Command) -> None:
        await whatsapp.qr(command.company_id, "qr-text")

    whatsapp.reaction = react
    await check("qr", await api.post_qr(token_for(SALON)))

    status = f"/marketplace/api/status/{SESSION}"
    mine = bearer(token_for(SALON))
    await check("status with a qr", await api.http.get(status, headers=mine))
    await whatsapp.connected(SESSION, PHONE)
    await check("status connected", await api.http.get(status, headers=mine))
    await check("qr when connected", await api.post_qr(token_for(SALON)))
    await check("status of nobody", await api.http.get(status))
    others = bearer(token_for(1002))
    await check("status of another salon", await api.http.get(status, headers=others))
    odd = await api.http.get("/marketplace/api/status/company_01", headers=mine)
    await check("status of an odd session", odd)
    other_status = "/marketplace/api/status/company_1002"
    await check("status of nothing known", await api.http.get(other_status, headers=others))


async def test_breaker(api: RunningApi) -> None:
    await asyncio.gather(*(api.post_qr(token_for(1001 + n)) for n in range(5)))

    await check_while_open("qr while the breaker is open", await api.post_qr(token_for(SALON)))
    breaker, operator = "/marketplace/admin/circuit-breaker", bearer(ADMIN_TOKEN)
    await check_while_open(
        "breaker stats", await api.http.get(f"{breaker}/stats", headers=operator)
    )
    broken = await api.http.get("/marketplace/health", headers=bearer(HEALTH_TOKEN))
    await check("marketplace health while the breaker is open", broken)
    await check("breaker reset", await api.http.post(f"{breaker}/reset", headers=operator))
    await check("breaker stats of nobody", await api.http.get(f"{breaker}/stats"))


async def test_queue(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    async def react(command: Command) -> None:
        await whatsapp.status(command.company_id, SessionStatus.QUEUED, queue_position=2)

    whatsapp.reaction = react
    await check("qr while in the queue", await api.post_qr(token_for(SALON)))


async def test_health_without_whatsapp(api: RunningApi) -> None:
    await check("health without whatsapp", await api.http.get("/health"))
    late = await api.http.get("/health/pubsub?timeout=400")
    body = as_golden(late)
    assert_golden("http_answers", "health pubsub timeout", body)
    await check("health pubsub odd timeout", await api.http.get("/health/pubsub?timeout=x"))


@pytest.mark.usefixtures("_unhurried")
async def test_health(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    await whatsapp.connected(SESSION, PHONE)
    await wait_until(lambda: _heard(api), what="the event is the last activity")
    for path in (
        "/health",
        "/health/pubsub",
        "/health/pubsub/simple",
        "/health/whatsapp",
        "/health/company/company_1001",
        "/health/company/1002",
        "/health/company/company_01",
        "/marketplace/health",
    ):
        await check(path, await api.http.get(path))
    detailed = await api.http.get("/marketplace/health", headers=bearer(HEALTH_TOKEN))
    await check("/marketplace/health with the token", detailed)


async def _heard(api: RunningApi) -> bool:
    return (await api.http.get("/health")).json()["checks"]["lastActivity"]["at"] is not None


async def test_unconfigured(database_url: str, redis_url: str) -> None:
    bare = api_settings(
        database_url,
        redis_url,
        jwt_secret="",
        yclients_partner_token="",
        yclients_app_id=None,
    )
    async with running_api(bare) as api:
        query = {"salon_id": "1001", **signed_query()}
        redirect = await api.http.get("/auth/yclients/redirect", params=query)
        await check("redirect not configured", redirect)
        await check("qr not configured", await api.post_qr(token_for(SALON)))
        bare_health = await api.http.get("/marketplace/health", headers=bearer(HEALTH_TOKEN))
        await check("marketplace health not configured", bare_health)


async def test_infrastructure_away() -> None:
    nowhere = api_settings("postgres://nobody@127.0.0.1:1/none", "redis://127.0.0.1:1")
    async with running_api(nowhere, without_redis=True) as api:
        await check("health with everything away", await api.http.get("/health"))
        away = await api.http.get("/marketplace/health", headers=bearer(HEALTH_TOKEN))
        await check("marketplace health with everything away", away)
        pubsub = await api.http.get("/health/pubsub?timeout=400")
        await check("health pubsub with everything away", pubsub)
        await check("qr with everything away", await api.post_qr(token_for(SALON)))
