"""Packets that no page sends: refused with one log line, and nothing else changes."""

import asyncio
import json
import time

import httpx2
import structlog.testing

from shared.company_id import SalonId, session_id_of
from tests.support.api import RunningApi, token_for
from tests.support.page import (
    NAMESPACE,
    Page,
    PollingLink,
    WebSocketLink,
    open_link,
    open_page,
)
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import WhatsAppSide

SALON = SalonId(1001)
SESSION = session_id_of(SALON)

PACKETS = {
    "empty": "",
    "not a packet": "hello",
    "unknown kind": "9",
    "engine open": "0{}",
    "base64": "bAAAA",
    "empty message": "4",
    "json message": '4{"a":1}',
    "unknown inner kind": "49",
    "not json": f"42{NAMESPACE},[",
    "an object": f'42{NAMESPACE},{{"request-qr":1}}',
    "no event": f"42{NAMESPACE},[]",
    "event that is a number": f"42{NAMESPACE},[1]",
    "connect as an event": f'42{NAMESPACE},["connect",{{"asgi.scope":{{}}}},{{"token":"x"}}]',
    "disconnect as an event": f'42{NAMESPACE},["disconnect"]',
    "acknowledgement": f"43{NAMESPACE},1[]",
    "binary event": f'451-{NAMESPACE},["request-qr",{{"_placeholder":true,"num":0}}]',
    "deep": f"42{NAMESPACE}," + "[" * 5000,
    "deep for the engine": "4" + "[" * 15000,
    "large": f'42{NAMESPACE},["request-qr","{"x" * 20_000}"]',
    "huge number": "42" + "9" * 200 + '["request-qr"]',
}


OF_A_STALL = {"heartbeat_missed", "whatsapp_process_gone"}
"""Said when the other side of the bus, which is in this process as well, has stood still."""


async def test_a_malformed_frame_ends_its_own_connection_only(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async with open_page(api.url, token_for(SALON)) as bystander:
        for count, (kind, packet) in enumerate(PACKETS.items(), start=1):
            async with open_page(api.url, token_for(SALON)) as page:
                with structlog.testing.capture_logs() as logs:
                    await page.link.send(packet)
                    await page.gone()
            said = [line["event"] for line in logs if line["log_level"] in {"warning", "error"}]
            assert [event for event in said if event not in OF_A_STALL] == [
                "socket_packet_refused"
            ], kind
            await whatsapp.qr(SESSION, "qr-text")
            await bystander.next("qr-update", count)

    assert whatsapp.commands == []


async def test_binary_frames_are_refused(api: RunningApi) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        assert isinstance(page.link, WebSocketLink)
        await page.link.socket.send(b"\x04binary")
        await wait_until(lambda: page.closed)


async def test_a_megabyte_is_refused_on_both_transports(api: RunningApi) -> None:
    megabyte = f'42{NAMESPACE},["request-qr","{"x" * 1_000_000}"]'
    async with open_page(api.url, token_for(SALON)) as page:
        await page.link.send(megabyte)
        await wait_until(lambda: page.closed)
    async with open_page(api.url, token_for(SALON), transport="polling") as page:
        assert isinstance(page.link, PollingLink)
        answer = await page.link._http.post(
            "/socket.io/", params=page.link._params, content=megabyte
        )
        assert answer.status_code == 413


async def test_a_malformed_post_is_refused(api: RunningApi) -> None:
    async with open_page(api.url, token_for(SALON), transport="polling") as page:
        assert isinstance(page.link, PollingLink)
        for kind, packet in PACKETS.items():
            if not packet:
                continue
            answer = await page.link._http.post(
                "/socket.io/", params=page.link._params, content=packet
            )
            assert answer.status_code in {400, 413}, kind
        await page.ask("no-such-event")
        assert (await page.next("error"))["code"] == "INVALID_REQUEST"


async def test_a_post_to_a_session_that_has_ended_a_moment_ago_is_refused(api: RunningApi) -> None:
    """As one to a session that nobody knows: it is no fault of ours."""
    async with open_page(api.url, token_for(SALON), transport="polling") as page:
        assert isinstance(page.link, PollingLink)
        await page.next("status")
        [socket] = api.application.sockets.eio.sockets.values()
        socket.closed = True
        answer = await page.link._http.post("/socket.io/", params=page.link._params, content="3")

    assert answer.status_code == httpx2.codes.BAD_REQUEST


async def test_other_namespaces_are_closed(api: RunningApi) -> None:
    for connect in ("40", "40/,", "40/admin,", "40/marketplace/x,"):
        link = await open_link(api.url)
        await link.receive()
        await link.send(connect)
        [answer] = await link.receive()
        await link.close()

        assert answer.startswith("44"), connect
        assert "Unable to connect" in answer
    assert len(api.application.connections) == 0


async def test_a_token_may_not_be_an_object(api: RunningApi) -> None:
    for auth in ({"token": {"a": 1}}, {"token": None}, {"token": ["x"]}, ["x"], "x", 5):
        page = Page(await open_link(api.url))
        try:
            await page.enter(auth)
            assert (await page.next("error"))["code"] == "TOKEN_MISSING"
        finally:
            await page.close()


async def test_requests_before_entering_are_not_answered(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    link = await open_link(api.url)
    await link.receive()
    await link.send(f'42{NAMESPACE},["request-qr"]')
    await link.send("40/other,")
    [answer] = await link.receive()
    await link.close()

    assert answer.startswith("44/other")
    assert whatsapp.commands == []


async def test_foreign_engine_requests_are_refused(api: RunningApi) -> None:
    for query in (
        "EIO=4&transport=polling&sid=nope",
        "EIO=3&transport=polling",
        "EIO=4&transport=carrier-pigeon",
        "",
    ):
        answer = await api.http.get(f"/socket.io/?{query}")
        assert answer.status_code == httpx2.codes.BAD_REQUEST


async def test_messages_on_the_bus_that_are_no_events_change_nothing(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        await page.next("status")
        now = int(time.time() * 1000)
        about = {"companyId": SESSION, "timestamp": now}
        for message in (
            "not json",
            "[]",
            json.dumps({"type": "no-such-type", **about}),
            json.dumps({"type": "connected", "companyId": "company_01", "phoneNumber": "1"}),
            json.dumps({"type": "connected", **about, "phoneNumber": "79990000001:34"}),
            json.dumps({"type": "status", **about, "status": "no-such-status"}),
            "x" * 1_000_000,
        ):
            await whatsapp.redis.publish("whatsapp:events", message)
        await whatsapp.qr(SESSION, "qr-text")
        await page.next("qr-update")

    assert [name for name, _ in page.told] == ["status", "qr-update"]


async def test_a_writer_with_an_older_epoch_is_not_believed(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        await page.next("status")
        for epoch, status in ((2, "connecting"), (1, "error"), (2, "linking")):
            event = {
                "type": "status",
                "companyId": SESSION,
                "timestamp": int(time.time() * 1000),
                "epoch": epoch,
                "status": status,
            }
            await whatsapp.redis.publish("whatsapp:events", json.dumps(event))
        await page.next("status", 3)
        await asyncio.sleep(0)

    assert [told["status"] for told in page.all("status")] == ["idle", "connecting", "linking"]
