"""Requests and messages that are wrong: refused with one log line, and nothing else changes."""

import json
from typing import Any, Final

import pytest

from api_service.web import health
from shared.bus import keys
from shared.clock import now_ms
from shared.company_id import SalonId, session_id_of
from shared.messages.events import StatusChanged
from shared.messages.status import SessionStatus
from tests.support.api import (
    token_for,
)
from tests.support.api_world import World
from tests.support.page import open_page
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

SALON, OTHER_SALON = SalonId(1001), SalonId(1002)
SESSION, OTHER_SESSION = session_id_of(SALON), session_id_of(OTHER_SALON)


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


Arguments = tuple[Any, ...]
NO_PAYLOAD: Final[list[Arguments]] = [
    (1,),
    ("x",),
    ([],),
    (False,),
    ({"a": 1},),
    ({"companyId": OTHER_SESSION},),
    (None, None),
    (nested(100),),
    ("x" * 15_000,),
]
NO_PHONE: Final[list[Arguments]] = [
    (),
    (None,),
    ("79990000001",),
    (79990000001,),
    (["79990000001"],),
    (True,),
    ({"phoneNumber": "79990000001"}, {"phoneNumber": "79990000001"}),
    (nested(100),),
]
NOT_UNDERSTOOD: Final[list[tuple[str, Arguments]]] = [
    ("no-such-event", ()),
    ("", ()),
    ("__class__", ()),
    ("request_qr", ()),
    ("request-qr ", ()),
    ("unlink\x00", ()),
    ("x" * 10_000, ()),
    *(("request-qr", arguments) for arguments in NO_PAYLOAD),
    *(("unlink", arguments) for arguments in NO_PAYLOAD),
    *(("request-pairing-code", arguments) for arguments in NO_PHONE),
]


@pytest.mark.parametrize(("event", "arguments"), NOT_UNDERSTOOD, ids=lambda value: repr(value)[:40])
async def test_a_request_that_is_not_understood_is_refused(
    world: World, event: str, arguments: tuple[Any, ...]
) -> None:
    async with open_page(world.api.url, token_for(SALON)) as page:
        await page.next("status")
        async with world.witness.nothing_changes() as report:
            await page.ask(event, *arguments)
            told = await page.next("error")

    assert told["code"] == "INVALID_REQUEST"
    assert report.events == ["socket_request_invalid"]


@pytest.mark.parametrize(
    ("phone", "code"),
    [
        (None, "PHONE_REQUIRED"),
        ("", "PHONE_REQUIRED"),
        *(
            (phone, "INVALID_PHONE_FORMAT")
            for phone in (
                79990000001,
                7.9990000001e10,
                True,
                [],
                ["79990000001"],
                {"a": 1},
                "x",
                "7" * 10_000,
                "79990000001\x00",
                "\u0667\u0669\u0669\u0669\u0660\u0660\u0660\u0660\u0660\u0660\u0661",
                "'; DROP TABLE companies; --",
                "company_1001",
                nested(100),
            )
        ),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_a_bad_phone_is_refused(world: World, phone: Any, code: str) -> None:
    async with open_page(world.api.url, token_for(SALON)) as page:
        await page.next("status")
        async with world.witness.nothing_changes() as report:
            await page.ask("request-pairing-code", {"phoneNumber": phone, "extra": 1})
            told = await page.next("pairing-code-error")

    assert told["code"] == code
    assert report.events == ["phone_refused"]


def event(**fields: Any) -> str:
    about = {"type": "status", "companyId": SESSION, "timestamp": now_ms(), "status": "qr"}
    return json.dumps({**about, **fields})


QR: Final = {"type": "qr", "qr": "2@x", "expiresIn": 20, "expiresAt": now_ms()}
CODE: Final = {"type": "pairing-code", "code": "ABCD-1234", "phoneNumber": "79990000001"}
BAD_EVENTS: Final[dict[str, str | bytes]] = {
    "not JSON": "not json",
    "nothing": "",
    "an array": "[]",
    "a number": "1",
    "null": "null",
    "half": event()[:-1],
    "bytes": b"\xff\xfe\x00",
    "NUL": f"{event()}\x00",
    "1 MB": "x" * 1_000_000,
    "1 MB of JSON": event(reason="x" * 1_000_000),
    "nested": "[" * 100_000,
    "no type": json.dumps({"companyId": SESSION}),
    "unknown type": event(type="no-such-type"),
    "type is an object": event(type={"a": 1}),
    "type is very long": event(type="x" * 100_000),
    "session company_01": event(companyId="company_01"),
    "session ../": event(companyId="../company_1001"),
    "session of Arabic digits": event(companyId="company_\u0661"),
    "session of 10 kB": event(companyId="company_" + "1" * 10_000),
    "session is a number": event(companyId=1001),
    "no session": event(companyId=None),
    "epoch 0": event(epoch=0),
    "epoch is a word": event(epoch="new"),
    "timestamp before 1970": event(timestamp=-1),
    "timestamp beyond all dates": event(timestamp=10**30),
    "timestamp is a word": event(timestamp="now"),
    "event id of 10 kB": event(eventId="x" * 10_000),
    "event id with NUL": event(eventId="a\x00b"),
    "a place that is none": event(streamId="zzz"),
    "unknown status": event(status="no-such-status"),
    "queue position 0": event(queuePosition=0),
    "phone with a device": event(phoneNumber="79990000001:34"),
    "empty QR": event(**{**QR, "qr": ""}),
    "QR of 3 kB": event(**{**QR, "qr": "x" * 3_000}),
    "QR without end": event(**{**QR, "expiresAt": 10**30}),
    "code in small letters": event(**{**CODE, "code": "abcd-1234"}),
    "unknown error code": event(type="pairing-code-error", code="NO_SUCH_CODE"),
}


@pytest.mark.parametrize("message", BAD_EVENTS.values(), ids=BAD_EVENTS)
async def test_a_bad_event_reaches_nobody(world: World, message: str | bytes) -> None:
    good = StatusChanged(company_id=SESSION, status=SessionStatus.CONNECTING)
    async with open_page(world.api.url, token_for(SALON)) as page:
        await page.next("status")
        async with world.witness.nothing_changes() as report:
            await world.redis.publish(keys.EVENTS_CHANNEL, message)
            await world.redis.publish(keys.EVENTS_CHANNEL, good.to_json())
            await page.next("status", 2)

    assert [payload["status"] for payload in page.all("status")] == ["idle", "connecting"]
    assert len(page.told) == 2
    assert report.events == ["bus_event_invalid"]


@pytest.mark.parametrize(
    "message",
    [
        "not json",
        "[]",
        "x" * 1_000_000,
        b"\xff\x00",
        json.dumps({"type": "pong"}),
        json.dumps({"type": "ping", "testId": "a"}),
        json.dumps({"type": "pong", "testId": ["a"], "processId": "p"}),
        json.dumps({"type": "pong", "testId": "a", "processId": "p", "service": "another"}),
        json.dumps({"type": "pong", "testId": "a\x00", "processId": "p"}),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_bad_pong_is_no_answer(
    world: World, message: str | bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process listens for them as soon as it has heard itself once."""
    monkeypatch.setattr(health, "SIMPLE_PUBSUB_S", PATIENCE_S)
    assert (await world.api.http.get("/health/pubsub/simple")).status_code == 200
    async with world.witness.nothing_changes() as report:
        await world.redis.publish(keys.HEALTH_CHANNEL, message)
        answer = await world.api.http.get("/health/pubsub/simple")

    assert answer.json()["status"] == "healthy"
    assert report.events == ["bus_pong_invalid"]


async def test_a_stale_owner_and_another_salon_are_not_heard(world: World) -> None:
    salon = SalonId(1777)
    session = session_id_of(salon)
    async with open_page(world.api.url, token_for(salon)) as page:
        await page.next("status")
        async with world.witness.nothing_changes() as report:
            for message in (
                event(companyId=session, epoch=2, status="connecting"),
                event(companyId=session, epoch=1, status="error"),
                event(companyId=OTHER_SESSION, epoch=9, status="banned"),
                event(companyId=session, epoch=2, status="linking"),
            ):
                await world.redis.publish(keys.EVENTS_CHANNEL, message)
            await page.next("status", 3)

    assert [told["status"] for told in page.all("status")] == ["idle", "connecting", "linking"]
    assert report.events == ["bus_event_stale"]


async def test_an_event_of_yesterday_is_no_news(world: World) -> None:
    async with open_page(world.api.url, token_for(SALON)) as page:
        await page.next("status")
        async with world.witness.nothing_changes() as report:
            old = event(status="banned", timestamp=now_ms() - 24 * 3_600_000)
            await world.redis.publish(keys.EVENTS_CHANNEL, old)
            await page.next("status", 2)

    assert [told["status"] for told in page.all("status")] == ["idle", "idle"]
    assert report.events == ["event_is_no_news"]
