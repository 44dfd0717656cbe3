"""The control API over its own client, and what it refuses."""

import asyncio
import io
from collections.abc import AsyncIterator

import httpx2
import pytest
import segno
from PIL import Image

from sandbox.services.loopback import NOBODY
from sandbox.whatsapp_network.control_client import ControlClient, ControlError
from sandbox.whatsapp_network.faults import FaultKind
from sandbox.whatsapp_network.phone_signs import Sign
from sandbox.whatsapp_network.screens import LIFETIME_S, Screens
from sandbox.whatsapp_network.service import Service
from tests.support.whatsapp_companion import CompanionClient
from tests.support.whatsapp_in_process import NUMBER, Clock


@pytest.fixture
async def http(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(
        base_url=service.control_url, verify=NOBODY, trust_env=False
    ) as http:
        yield http


@pytest.fixture
def companion(service: Service) -> CompanionClient:
    return CompanionClient(service.chat_port)


async def link(control: ControlClient, companion: CompanionClient) -> None:
    async with companion.offer() as (session, qrs):
        scan = asyncio.create_task(control.scan(NUMBER, qrs[0]))
        await companion.accept(session)
        await scan


async def test_phone_is_created_once_and_renamed(control: ControlClient) -> None:
    first = await control.create_phone(NUMBER, "Салон")
    second = await control.create_phone(NUMBER, "Салон красоты")
    assert first.lid == second.lid
    assert [phone.name for phone in await control.phones()] == ["Салон красоты"]


async def test_linked_device_is_listed_and_unlinked(
    control: ControlClient, companion: CompanionClient
) -> None:
    await control.create_phone(NUMBER)
    await link(control, companion)
    (device,) = (await control.phone(NUMBER)).devices
    assert (device.device, device.name, device.online) == (1, "Unknown (Test)", False)

    async with companion.connect(companion.login(NUMBER)) as session:
        await session.receive()
        assert (await control.phone(NUMBER)).devices[0].online
        await session.receive()
        await control.unlink(NUMBER, 1)
        error = await session.receive()
    assert (error.text("code"), error.require("conflict").text("type")) == ("401", "device_removed")
    assert (await control.phone(NUMBER)).devices == []


async def test_screen_is_what_a_phone_scans(
    control: ControlClient, companion: CompanionClient
) -> None:
    await control.create_phone(NUMBER)
    async with companion.offer() as (session, qrs):
        await control.show_screen(qrs[0], "Салон 1001")
        assert [screen.label for screen in await control.screens()] == ["Салон 1001"]
        scan = asyncio.create_task(control.scan(NUMBER))
        await companion.accept(session)
        assert (await scan).device == 1


async def test_picture_is_what_a_phone_scans(
    control: ControlClient, companion: CompanionClient
) -> None:
    await control.create_phone(NUMBER)
    async with companion.offer() as (session, qrs):
        picture = io.BytesIO()
        segno.make(qrs[0]).save(picture, kind="png", scale=3)
        scan = asyncio.create_task(control.scan_picture(NUMBER, picture.getvalue()))
        await companion.accept(session)
        assert (await scan).device == 1


def blank_picture() -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (40, 40)).save(picture, "png")
    return picture.getvalue()


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (b"no picture", "PICTURE_INVALID"),
        (b"", "PICTURE_INVALID"),
        (blank_picture(), "PICTURE_WITHOUT_QR"),
        (bytes(11 * 2**20), "BAD_REQUEST"),
    ],
)
async def test_useless_picture_is_refused(
    control: ControlClient, picture: bytes, code: str
) -> None:
    await control.create_phone(NUMBER)
    with pytest.raises(ControlError) as caught:
        await control.scan_picture(NUMBER, picture)
    assert (caught.value.code, caught.value.status) == (code, 400)


async def test_errors_have_stable_codes(control: ControlClient) -> None:
    with pytest.raises(ControlError, match="PHONE_UNKNOWN"):
        await control.scan("79990000009", "x")
    await control.create_phone(NUMBER)
    with pytest.raises(ControlError, match="SCREEN_EMPTY"):
        await control.scan(NUMBER)
    with pytest.raises(ControlError, match="QR_INVALID"):
        await control.scan(NUMBER, "x")
    with pytest.raises(ControlError, match="CODE_INVALID"):
        await control.type_code(NUMBER, "12")
    with pytest.raises(ControlError, match="CODE_NONE"):
        await control.type_code(NUMBER, "ABCD-1234")
    with pytest.raises(ControlError, match="DEVICE_UNKNOWN"):
        await control.unlink(NUMBER, 5)
    with pytest.raises(ControlError, match="FAULT_UNKNOWN"):
        await control.remove_fault(5)
    with pytest.raises(ControlError, match="BAD_REQUEST"):
        await control.create_phone("+7 999")
    with pytest.raises(ControlError, match="BAD_REQUEST"):
        await control.change_settings(qr_refs=0)
    with pytest.raises(ControlError, match="BAD_REQUEST"):
        await control.change_settings(colour=1)


async def test_changed_settings_leave_the_others(control: ControlClient) -> None:
    before = await control.settings()
    after = await control.change_settings(qr_first_window_s=2)
    assert after == before.model_copy(update={"qr_first_window_s": 2.0})
    assert await control.settings() == after


async def test_faults_are_switched(control: ControlClient) -> None:
    fault = await control.add_fault(FaultKind.REFUSED, number=NUMBER, reason=403, times=2)
    assert await control.faults() == [fault]
    await control.remove_fault(fault.id)
    await control.add_fault(FaultKind.SLOW)
    await control.clear_faults()
    assert await control.faults() == []


async def test_events_are_read_from_where_one_stopped(control: ControlClient) -> None:
    await control.create_phone(NUMBER)
    (created,) = await control.events()
    assert (created.kind, created.number) == ("phone_created", NUMBER)
    await control.add_fault(FaultKind.MUTE)
    assert [event.kind for event in await control.events(created.sequence)] == ["fault_on"]


async def test_counters_are_reset(control: ControlClient, companion: CompanionClient) -> None:
    await control.create_phone(NUMBER)
    await link(control, companion)
    assert (await control.stats()).pairings == 1
    await control.reset_stats()
    stats = await control.stats()
    assert (stats.pairings, stats.handshakes, stats.linked_devices) == (0, 0, 1)


async def test_all_connections_are_dropped(
    control: ControlClient, companion: CompanionClient
) -> None:
    async with companion.offer():
        assert await control.drop(NUMBER) == 0
        assert await control.drop() == 1


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_body_a_foreign_page_could_send_is_refused(
    http: httpx2.AsyncClient, content_type: str
) -> None:
    body = b'{"number": "79990000001"}'
    response = await http.post(
        "/control/phones", content=body, headers={"content-type": content_type}
    )
    assert response.status_code == 400
    assert response.json()["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:3000", True),
        ("http://127.0.0.1:8080", True),
        ("https://evil.example", False),
        ("http://localhost.evil.example", False),
    ],
)
async def test_only_pages_of_this_machine_may_call(
    http: httpx2.AsyncClient, origin: str, allowed: bool
) -> None:
    response = await http.options(
        "/control/screen",
        headers={"origin": origin, "access-control-request-method": "POST"},
    )
    assert (response.headers.get("access-control-allow-origin") == origin) is allowed


async def test_foreign_host_name_is_refused(http: httpx2.AsyncClient) -> None:
    response = await http.get("/control/phones", headers={"host": "evil.example"})
    assert response.status_code == 400


async def test_unknown_path_answers_json(http: httpx2.AsyncClient) -> None:
    response = await http.get("/control/nothing")
    assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


async def test_page_runs_no_foreign_code(http: httpx2.AsyncClient) -> None:
    response = await http.get("/")
    assert response.status_code == 200
    assert "unsafe-inline" not in response.headers["content-security-policy"]
    assert "://" not in response.text.replace("http://www.w3.org/2000/svg", "")
    for name in ("phone.js", "phone.css"):
        assert (await http.get(f"/assets/{name}")).status_code == 200


def test_screens_fade_and_the_newest_is_scanned_first() -> None:
    clock = Clock()
    screens = Screens(clock)
    screens.show("a", "first")
    clock.now_s += LIFETIME_S - 1
    screens.show("b", "second")
    assert screens.newest().qr == "second"
    assert screens.newest("a").qr == "first"
    clock.now_s += 1
    assert [screen.label for screen in screens.current()] == ["b"]
    screens.show("a", "third")
    assert screens.newest().qr == "third"


async def test_a_phone_gives_a_sign_to_whoever_is_online(
    control: ControlClient, companion: CompanionClient
) -> None:
    await control.create_phone(NUMBER)
    await link(control, companion)
    assert await control.give_sign(NUMBER) == 0
    async with companion.connect(companion.login(NUMBER)) as session:
        await session.receive()
        assert await control.give_sign(NUMBER, Sign.WROTE) == 1
        assert await control.give_sign(NUMBER, device=1) == 1
        with pytest.raises(ControlError) as refused:
            await control.give_sign(NUMBER, device=2)
    assert (refused.value.status, refused.value.code) == (404, "DEVICE_UNKNOWN")


async def test_a_line_goes_dark_for_one_device_and_is_reset_when_the_fault_is_removed(
    control: ControlClient, companion: CompanionClient
) -> None:
    await control.create_phone(NUMBER)
    await link(control, companion)
    async with companion.connect(companion.login(NUMBER)) as session:
        await session.receive()
        await control.add_fault(FaultKind.GONE, number=NUMBER, device=2)
        assert (await control.stats()).online_devices == 1
        fault = await control.add_fault(FaultKind.GONE, number=NUMBER, device=1)
        assert (await control.stats()).online_devices == 0

        await control.remove_fault(fault.id)

        await session.closed()
