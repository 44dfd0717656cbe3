"""What pages are told over Socket.IO, as the golden file has it."""

from typing import Any

import pytest

from api_service.realtime import payloads
from api_service.realtime.payloads import Told
from shared.bus.snapshots import PresentState
from shared.clock import Milliseconds, now_ms
from shared.company_id import SessionId
from shared.errors import AppError, ErrorCode
from shared.messages.events import (
    AnySessionEvent,
    CommandResult,
    Connected,
    Disconnected,
    Logout,
    PairingCode,
    PairingCodeError,
    Qr,
    StatusChanged,
)
from shared.messages.snapshot import LiveCode, LiveQr, Snapshot
from shared.messages.status import Reason, SessionStatus
from tests.support.golden import assert_golden, steady

SESSION = SessionId("company_1001")
PHONE = "79990000001"
LOSSES = ("stream_error", "temporary_ban", "replaced", "client_outdated", "frozen", "unknown")
CHANGING = frozenset({"serverTime", "expiresAt", "image"})


def in_seconds(seconds: int) -> Milliseconds:
    return Milliseconds(now_ms() + seconds * 1000)


def as_golden(told: Told | None) -> Any:
    return None if told is None else {"event": told[0], "payload": steady(told[1], CHANGING)}


EVENTS: dict[str, AnySessionEvent] = {
    "connected": Connected(company_id=SESSION, phone_number=PHONE),
    "logout": Logout(company_id=SESSION),
    "logout, before its status": Logout(company_id=SESSION, event_id="e1"),
    "disconnected, before its status": Disconnected(
        company_id=SESSION, reason="stream_error", event_id="e2"
    ),
    "pairing-code-error, documented": PairingCodeError(
        company_id=SESSION, code=ErrorCode.BAILEYS_ERROR
    ),
    "pairing-code-error, finer": PairingCodeError(
        company_id=SESSION, code=ErrorCode.LINKER_QUEUE_FULL
    ),
    "pairing-code-error, linked": PairingCodeError(
        company_id=SESSION, code=ErrorCode.ALREADY_CONNECTED
    ),
    "command-result": CommandResult(company_id=SESSION, command_id="c1", success=True),
    "status queued": StatusChanged(
        company_id=SESSION, status=SessionStatus.QUEUED, queue_position=3
    ),
    "status connected": StatusChanged(
        company_id=SESSION, status=SessionStatus.CONNECTED, phone_number=PHONE
    ),
    "status of a newer writer": StatusChanged(
        company_id=SESSION, status=SessionStatus.ERROR, reason="a_reason_of_tomorrow"
    ),
    **{
        f"disconnected, {reason}": Disconnected(company_id=SESSION, reason=reason)
        for reason in LOSSES
    },
    **{
        f"status error, {reason.value}": StatusChanged(
            company_id=SESSION, status=SessionStatus.ERROR, reason=reason
        )
        for reason in (
            Reason.LINKER_FAILED,
            Reason.LINKER_QUEUE_FULL,
            Reason.WHATSAPP_UNREACHABLE,
            Reason.REFUSED,
            Reason.CREDENTIALS_MISSING,
        )
    },
}


@pytest.mark.parametrize("case", EVENTS)
def test_an_event_is_told_as_documented(case: str) -> None:
    assert_golden("socket_events", case, as_golden(payloads.of_event(EVENTS[case])))


@pytest.mark.parametrize("status", SessionStatus)
def test_every_status_is_told_as_documented(status: SessionStatus) -> None:
    assert_golden(
        "socket_events", f"status {status.value}, bare", as_golden(payloads.status(status))
    )


def test_live_secrets_are_told_with_the_time_they_have_left() -> None:
    """Counted from when they end: ``expires_in`` of an event may be old."""
    qr = Qr(company_id=SESSION, qr="qr-text", expires_in=900, expires_at=in_seconds(20))
    code = PairingCode(
        company_id=SESSION,
        code="ABCD-1234",
        phone_number=PHONE,
        expires_in=900,
        expires_at=in_seconds(50),
    )

    for name, event, lives_s in (("qr", qr, 20), ("pairing-code", code, 50)):
        told = payloads.of_event(event)
        assert told is not None
        assert 0 < told[1]["expiresIn"] <= lives_s
        payload = steady(told[1] | {"expiresIn": lives_s}, CHANGING)
        assert_golden("socket_events", name, {"event": told[0], "payload": payload})


@pytest.mark.parametrize("code", ErrorCode)
def test_every_error_is_told_as_documented(code: ErrorCode) -> None:
    assert_golden("socket_errors", code.value, as_golden(payloads.error(AppError(code))))


def test_an_error_that_passes_says_when_to_come_again() -> None:
    for name, told in (
        ("error", payloads.error(AppError(ErrorCode.SERVICE_UNAVAILABLE, retry_after=60))),
        (
            "pairing-code-error",
            payloads.pairing_code_error(AppError(ErrorCode.RATE_LIMITED, retry_after=590)),
        ),
    ):
        assert_golden("socket_errors", f"{name} with retryAfter", as_golden(told))


STATES = {
    "nothing known": PresentState(None, None, None),
    "qr": PresentState(
        Snapshot(company_id=SESSION, status=SessionStatus.QR),
        LiveQr(qr="qr-text", expires_at=in_seconds(3600)),
        None,
    ),
    "qr that has run out": PresentState(
        Snapshot(company_id=SESSION, status=SessionStatus.QR),
        LiveQr(qr="qr-text", expires_at=Milliseconds(1)),
        None,
    ),
    "code beside a qr": PresentState(
        Snapshot(company_id=SESSION, status=SessionStatus.PAIRING),
        LiveQr(qr="qr-text", expires_at=in_seconds(3600)),
        LiveCode(code="ABCD-1234", phone_number=PHONE, expires_at=in_seconds(3600)),
    ),
    "connected": PresentState(
        Snapshot(
            company_id=SESSION,
            status=SessionStatus.CONNECTED,
            connected=True,
            phone_number=PHONE,
        ),
        None,
        None,
    ),
    "credentials without a connection": PresentState(
        Snapshot(company_id=SESSION, status=SessionStatus.RECONNECTING, phone_number=PHONE),
        None,
        None,
    ),
}


@pytest.mark.parametrize("case", STATES)
def test_a_page_that_comes_now_is_told_the_present_state(case: str) -> None:
    told = payloads.of_present_state(SESSION, STATES[case])
    changing = CHANGING | {"expiresIn"}

    assert_golden(
        "socket_present_state",
        case,
        [{"event": event, "payload": steady(payload, changing)} for event, payload in told],
    )
