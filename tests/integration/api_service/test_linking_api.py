"""A QR and the status over HTTP, the breaker around generation, and what a token opens."""

import time
from typing import Any

import jwt
import pytest

from api_service.core import linking
from api_service.settings import ApiSettings
from shared.bus import keys
from shared.company_id import SalonId, SessionId, session_id_of
from shared.errors import ErrorCode
from shared.messages.commands import Command, RequestQr
from shared.messages.status import Reason, SessionStatus
from tests.support.api import JWT_SECRET, RunningApi, api_settings, running_api, token_for
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import WhatsAppSide

SALON = SalonId(1001)
SESSION = session_id_of(SALON)
PHONE = "79990000001"
STATUS = f"/marketplace/api/status/{SESSION}"
BREAKER = keys.breaker("qr-generation")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


impatient = pytest.mark.parametrize(
    "settings", [{"qr_deadline_s": 0.4}], indirect=True, ids=["impatient"]
)
hurried = pytest.mark.parametrize(
    "settings", [{"qr_deadline_s": 3.0}], indirect=True, ids=["hurried"]
)
"""A command is to reach its session before the deadline, on a busy machine as well."""


@pytest.fixture
def settings(
    request: pytest.FixtureRequest,
    database_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> ApiSettings:
    """As by default, but where time is to run out. Redis may be slow, on a busy machine."""
    monkeypatch.setattr(linking, "LATE_S", PATIENCE_S)
    return api_settings(database_url, redis_url, **getattr(request, "param", {}))


async def test_a_qr_is_asked_for_and_answered(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    async def react(command: Command) -> None:
        await whatsapp.result(command)
        await whatsapp.qr(command.company_id, "qr-text-1")

    whatsapp.reaction = react
    answer = await api.post_qr(token_for(SALON))

    assert answer.status_code == 200
    body = answer.json()
    assert body["success"] is True
    assert (body["qr"], body["session_id"]) == ("qr-text-1", SESSION)
    assert 0 < body["expires_in"] <= 20
    [command] = whatsapp.commands
    assert isinstance(command, RequestQr)
    assert command.company_id == SESSION


async def test_a_live_qr_is_served_without_asking(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    await whatsapp.qr(SESSION, "qr-text-2", lifetime_s=11)

    answer = await api.post_qr(token_for(SALON))

    assert answer.json()["qr"] == "qr-text-2"
    assert answer.json()["expires_in"] <= 11
    assert whatsapp.commands == []


@impatient
@pytest.mark.usefixtures("whatsapp")
async def test_no_qr_in_time_is_an_error_of_its_own(api: RunningApi) -> None:
    answer = await api.post_qr(token_for(SALON))

    assert answer.status_code == 503
    assert answer.json()["code"] == "QR_TIMEOUT"


@hurried
async def test_a_qr_whose_event_was_missed_is_found_at_the_deadline(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async def react(command: Command) -> None:
        live = '{"qr":"qr-quiet","expiresAt":' + str(int(time.time() * 1000) + 20_000) + "}"
        await whatsapp.redis.set(f"whatsapp:session:{command.company_id}:qr", live, px=20_000)

    whatsapp.reaction = react

    assert (await api.post_qr(token_for(SALON))).json()["qr"] == "qr-quiet"


async def test_a_failed_attempt_is_answered_with_its_cause(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    causes = {
        Reason.LINKER_FAILED: "LINKER_FAILED",
        Reason.LINKER_QUEUE_FULL: "LINKER_QUEUE_FULL",
        Reason.WHATSAPP_UNREACHABLE: "WHATSAPP_UNREACHABLE",
        Reason.REFUSED: "LINK_REFUSED",
    }
    for reason, code in causes.items():

        async def react(command: Command, reason: Reason = reason) -> None:
            await whatsapp.status(command.company_id, SessionStatus.ERROR, reason=reason)

        whatsapp.reaction = react
        answer = await api.post_qr(token_for(SALON))

        assert answer.json()["code"] == code
        assert answer.json()["error"]


async def test_a_linked_salon_gets_no_qr(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    await whatsapp.connected(SESSION, PHONE)

    answer = await api.post_qr(token_for(SALON))

    assert (answer.status_code, answer.json()["code"]) == (409, "ALREADY_CONNECTED")
    assert whatsapp.commands == []


async def test_a_refused_command_is_answered_with_its_code(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async def react(command: Command) -> None:
        await whatsapp.result(command, ErrorCode.ALREADY_CONNECTED)

    whatsapp.reaction = react

    assert (await api.post_qr(token_for(SALON))).status_code == 409


@impatient
async def test_waiting_in_the_queue_is_no_failure(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    await whatsapp.status(SESSION, SessionStatus.QUEUED, queue_position=3)
    for _ in range(6):
        answer = await api.post_qr(token_for(SALON))
        assert answer.status_code == 503
        assert answer.json()["code"] == "QR_TIMEOUT"
        assert answer.json()["queue_position"] == 3
        assert answer.json()["retry_after"] == 5


async def test_five_failures_open_the_breaker_for_every_process(
    api: RunningApi, settings: ApiSettings, whatsapp: WhatsAppSide
) -> None:
    async with running_api(settings) as other:
        await _open_breaker(api, whatsapp)
        asked = len(whatsapp.commands)

        refused = await other.post_qr(token_for(2001))
        assert refused.status_code == 503
        body = refused.json()
        assert body["code"] == "SERVICE_UNAVAILABLE"
        assert body["error"]
        assert body["message"]
        assert 0 < body["retry_after"] <= 60
        assert refused.headers["retry-after"] == str(body["retry_after"])
        assert len(whatsapp.commands) == asked == 5

        async def react(command: Command) -> None:
            await whatsapp.qr(command.company_id, "qr-text")

        whatsapp.reaction = react
        await whatsapp.redis.hset(BREAKER, "opened_at", "0")  # the cool-down is over
        await wait_until(lambda: _given(other, 3001))
        await wait_until(lambda: _given(api, 3002))
        assert await _breaker_state(api) == "closed"


async def _open_breaker(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    async def react(command: Command) -> None:
        await whatsapp.result(command, ErrorCode.LINKER_FAILED)

    whatsapp.reaction = react
    for number in range(5):
        answer = await api.post_qr(token_for(1001 + number))
        assert answer.json()["code"] == "LINKER_FAILED"


async def _given(process: RunningApi, salon: int) -> bool:
    return (await process.post_qr(token_for(salon))).status_code == 200


async def _breaker_state(api: RunningApi) -> str:
    answer = await api.http.get(
        "/marketplace/health", headers=bearer("test-health-token-0123456789-abcdefg")
    )
    state: str = answer.json()["circuitBreakers"]["qrGeneration"]["state"]
    return state


async def test_a_live_qr_is_served_while_the_breaker_is_open(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    await _open_breaker(api, whatsapp)
    await whatsapp.qr(SESSION, "qr-cached")

    assert (await api.post_qr(token_for(SALON))).json()["qr"] == "qr-cached"
    assert await _breaker_state(api) == "open"


async def test_status_of_a_salon_of_which_nothing_is_known(api: RunningApi) -> None:
    body = (await api.http.get(STATUS, headers=bearer(token_for(SALON)))).json()

    assert (body["status"], body["connected"]) == ("idle", False)
    assert (body["hasQR"], body["hasPairingCode"], body["phoneNumber"]) == (False, False, None)


async def test_connected_only_when_the_connection_is_open(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    await whatsapp.status(SESSION, SessionStatus.LINKING, phone=PHONE)
    linking = (await api.http.get(STATUS, headers=bearer(token_for(SALON)))).json()
    await whatsapp.connected(SESSION, PHONE)
    connected = (await api.http.get(STATUS, headers=bearer(token_for(SALON)))).json()
    await whatsapp.disconnected(SESSION, PHONE, Reason.SOCKET_LOST)
    lost = (await api.http.get(STATUS, headers=bearer(token_for(SALON)))).json()

    assert (linking["status"], linking["connected"]) == ("linking", False)
    assert (connected["status"], connected["connected"]) == ("connected", True)
    assert connected["phoneNumber"] == PHONE
    assert (lost["status"], lost["connected"], lost["reason"]) == (
        "reconnecting",
        False,
        "socket_lost",
    )


async def test_only_the_tokens_own_session_is_shown(api: RunningApi) -> None:
    sessions = {
        "company_1002": 403,
        "company_01": 400,
        "company_": 400,
        "1001": 400,
        "..%2F": 400,
        "company_1001%20": 400,
        "x" * 10_000: 400,
    }
    for session, status in sessions.items():
        answer = await api.http.get(
            f"/marketplace/api/status/{session}", headers=bearer(token_for(SALON))
        )

        assert answer.status_code == status, session
        assert answer.json()["code"] == ("FORBIDDEN" if status == 403 else "INVALID_SESSION_ID")


def _claims(**changes: object) -> dict[str, object]:
    now = int(time.time())
    return {
        "company_id": 1,
        "salon_id": 1001,
        "company_title": "Салон",
        "type": "marketplace_registration",
        "user_data": {},
        "iat": now,
        "exp": now + 3600,
        **changes,
    }


OTHER_SECRET = "another-secret-0123456789-abcdefghij-xyz"
BAD_TOKENS = {
    "garbage": "abc.def",
    "long": "e" * 10_000,
    "unsigned": jwt.encode(_claims(), "", algorithm="none"),
    "wrong key": jwt.encode(_claims(), OTHER_SECRET, algorithm="HS256"),
    "other algorithm": jwt.encode(_claims(), JWT_SECRET * 2, algorithm="HS512"),
    "expired": jwt.encode(_claims(exp=1), JWT_SECRET, algorithm="HS256"),
    "another type": jwt.encode(_claims(type="admin"), JWT_SECRET, algorithm="HS256"),
    "no expiry": jwt.encode(
        {k: v for k, v in _claims().items() if k != "exp"}, JWT_SECRET, algorithm="HS256"
    ),
    "odd salon": jwt.encode(_claims(salon_id="../1"), JWT_SECRET, algorithm="HS256"),
    "odd company": jwt.encode(_claims(company_id=True), JWT_SECRET, algorithm="HS256"),
}


async def test_a_bad_token_opens_nothing(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    for kind, token in BAD_TOKENS.items():
        for answer in (
            await api.http.post("/marketplace/api/qr", headers=bearer(token)),
            await api.http.get(STATUS, headers=bearer(token)),
        ):
            assert answer.status_code == 401, kind
            expected = "TOKEN_EXPIRED" if kind == "expired" else "TOKEN_INVALID"
            assert answer.json()["code"] == expected, kind
            assert answer.headers["www-authenticate"] == "Bearer"
    assert whatsapp.commands == []


async def test_no_token_opens_nothing(api: RunningApi) -> None:
    for header in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}):
        answer = await api.http.post("/marketplace/api/qr", headers=header)

        assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")


async def test_without_a_token_secret_nothing_is_open(database_url: str, redis_url: str) -> None:
    async with running_api(api_settings(database_url, redis_url, jwt_secret="")) as api:
        answer = await api.post_qr(token_for(SALON))

    assert (answer.status_code, answer.json()["code"]) == (503, "NOT_CONFIGURED")


async def test_reports_for_operators_mask_the_number(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    await whatsapp.connected(SESSION, PHONE)
    await whatsapp.status(SessionId("company_1002"), SessionStatus.ERROR)

    one = (await api.http.get("/health/company/1001")).json()
    same = (await api.http.get(f"/health/company/{SESSION}")).json()

    async def told() -> dict[str, Any] | None:
        """A busy machine's Postgres may be slow to answer."""
        body: dict[str, Any] = (await api.http.get("/health/whatsapp")).json()
        return body if body["credentialStore"]["status"] == "ok" else None

    overall = await wait_until(told)

    assert one["phoneNumber"] == same["phoneNumber"] == "7*01"
    assert one["connected"] is True
    assert overall is not None
    assert overall["sessions"]["total"] == 2
    assert overall["sessions"]["connected"] == 1
    assert overall["sessions"]["byStatus"] == {"connected": 1, "error": 1}
