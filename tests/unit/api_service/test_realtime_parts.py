"""Small parts of the Socket.IO side without a server: origins, handshakes, QR images, packets."""

import asyncio
import base64
import re
from typing import Any

import pytest
import zxingcpp
from PIL import Image, ImageOps

from api_service.realtime.gate import Gate, Message, _fault_of_packet, _fault_of_payload
from api_service.realtime.handshake import Handshake, read_handshake
from api_service.realtime.origins import AllowedOrigins
from api_service.realtime.qr_image import QUIET_ZONE_MODULES, qr_data_uri
from tests.support.waiting import PATIENCE_S

QR_TEXT = "https://wa.me/settings/linked_devices#2@" + "AbC+/=," * 30


def drawn(uri: str) -> Image.Image:
    """Draw the runs of dark modules, one pixel to a module."""
    svg = base64.b64decode(uri.removeprefix("data:image/svg+xml;base64,")).decode()
    found = re.search(r'viewBox="0 0 (\d+) \d+"', svg)
    path = re.search(r'stroke="#000" d="([^"]+)"', svg)
    assert found
    assert path
    image = Image.new("L", (int(found[1]), int(found[1])), 255)
    x, y = 0.0, 0.0
    for command, numbers in re.findall(r"([mMh])([-\d. ]+)", path[1]):
        values = [float(number) for number in numbers.split()]
        if command == "h":
            image.paste(0, (int(x), int(y), int(x + values[0]), int(y) + 1))
            x += values[0]
        elif command == "M":
            x, y = values
        else:
            x, y = x + values[0], y + values[1]
    return image


def test_the_image_says_what_the_text_says() -> None:
    image = drawn(qr_data_uri(QR_TEXT))
    [read] = zxingcpp.read_barcodes(image.resize((image.width * 8, image.height * 8)))

    assert read.text == QR_TEXT


def test_the_image_has_a_quiet_zone() -> None:
    image = drawn(qr_data_uri(QR_TEXT))
    dark = ImageOps.invert(image).getbbox()

    inner = image.width - QUIET_ZONE_MODULES
    assert dark == (QUIET_ZONE_MODULES, QUIET_ZONE_MODULES, inner, inner)


ORIGINS = AllowedOrigins(
    ["https://Partner.example"], public_url="https://connect.example.com", loopback=False
)


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "https://n1.yclients.com",
        "https://n1234567.yclients.ru",
        "https://N5.YClients.com",
        "https://connect.example.com",
        "https://partner.example",
    ],
)
def test_known_origins_are_let_in(origin: str | None) -> None:
    assert ORIGINS(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://n1.yclients.com",
        "https://n1.yclients.com:8443",
        "https://n.yclients.com",
        "https://n1.yclients.org",
        "https://n1.yclients.com.evil.example",
        "https://evil.example/https://n1.yclients.com",
        "https://n1xyclients.com",
        "https://n١.yclients.com",
        "https://n1.yclients.com\n",
        "http://localhost:3000",
        "http://127.0.0.1",
    ],
)
def test_other_origins_are_not(origin: str) -> None:
    assert not ORIGINS(origin)


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        ("http://localhost:5173", True),
        ("http://127.0.0.1:3000", True),
        ("http://[::1]:3000", True),
        ("https://localhost", True),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost:3000x", False),
    ],
)
def test_loopback_is_for_development(origin: str, *, welcome: bool) -> None:
    assert AllowedOrigins([], public_url="", loopback=True)(origin) is welcome


def environ(**more: Any) -> dict[str, Any]:
    return {"asgi.scope": {"client": ("192.0.2.1", 5)}, "QUERY_STRING": "", **more}


@pytest.mark.parametrize(
    ("environ", "auth", "token"),
    [
        (environ(HTTP_AUTHORIZATION="Bearer h"), {"token": "a"}, "h"),
        (environ(HTTP_AUTHORIZATION="bearer  h "), None, "h"),
        (environ(HTTP_AUTHORIZATION="Basic eA=="), {"token": "a"}, "a"),
        (environ(HTTP_AUTHORIZATION="Bearer "), {"token": "a"}, "a"),
        (environ(QUERY_STRING="EIO=4&token=q"), {"token": "a"}, "a"),
        (environ(QUERY_STRING="EIO=4&token=q&token=r"), None, "q"),
        (environ(QUERY_STRING="token="), {}, None),
        (environ(), {"token": 5}, None),
        (environ(), ["token"], None),
        (environ(), None, None),
    ],
)
def test_the_token_of_a_handshake(environ: dict[str, Any], auth: object, token: str | None) -> None:
    assert read_handshake(environ, auth) == Handshake(token, "192.0.2.1")


def test_a_handshake_without_an_address() -> None:
    assert read_handshake({"asgi.scope": {"client": None}}, None).address == "unknown"


@pytest.mark.parametrize(
    "packet",
    [
        "1",
        "2",
        "2probe",
        "3",
        "5",
        "6",
        "40",
        '40/marketplace,{"token":"x"}',
        "41/marketplace",
        '42/marketplace,["request-qr"]',
        '42/marketplace,17["request-pairing-code",{"phoneNumber":"7"}]',
    ],
)
def test_packets_of_a_page_pass(packet: str) -> None:
    assert _fault_of_packet(packet) is None


@pytest.mark.parametrize(
    ("packet", "fault"),
    [
        ("", "not_a_packet"),
        ("0{}", "not_a_packet"),
        ("7", "not_a_packet"),
        ("bQUJD", "not_a_packet"),
        ("²", "not_a_packet"),
        ("4", "not_an_event"),
        ("4²", "not_a_packet"),
        ('4{"a":1}', "not_a_packet"),
        ("42", "not_an_event"),
        ("42{}", "not_an_event"),
        ("42[5]", "not_an_event"),
        ('42["connect",{}]', "reserved_name"),
        ('42["disconnect"]', "reserved_name"),
        ("43[]", "unexpected_kind"),
        ('44"x"', "unexpected_kind"),
        ('451-["x"]', "unexpected_kind"),
        ("4" + "[" * 10_000, "not_a_packet"),
        ("42" + "x" * 20_000, "too_large"),
    ],
)
def test_other_packets_do_not(packet: str, fault: str) -> None:
    assert _fault_of_packet(packet) == fault


def test_a_payload_is_as_good_as_its_worst_packet() -> None:
    assert _fault_of_payload(b"") is None
    assert _fault_of_payload(b"3\x1e41/marketplace") is None
    assert _fault_of_payload(b"3\x1e9") == "not_a_packet"
    assert _fault_of_payload(b"\xff") == "not_text"


async def test_a_body_that_does_not_come_is_refused_and_never_reaches_the_engine() -> None:
    parts: list[Message] = [{"type": "http.request", "body": b"4", "more_body": True}]
    sent: list[Message] = []
    reached: list[str] = []

    async def receive() -> Message:
        if not parts:
            await asyncio.Event().wait()
        return parts.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    async def engine(*_: object) -> None:
        reached.append("engine")

    scope = {"type": "http", "method": "POST"}
    await asyncio.wait_for(Gate(engine, body_s=0.05)(scope, receive, send), PATIENCE_S)

    assert [message.get("status") for message in sent] == [408, None]
    assert not reached
