"""The real neonize links to the network, by QR and by code, and fails where it must."""

import asyncio
import io
from pathlib import Path

import pytest
import segno

from sandbox.whatsapp_network.control_client import ControlClient, ControlError
from sandbox.whatsapp_network.faults import FaultKind
from tests.support.client_process import ClientProcess
from tests.support.neonize_process import run_neonize
from tests.support.waiting import wait_until
from tests.support.whatsapp_network import WhatsAppNetwork

OTHER_NUMBER = "79990000002"


async def test_links_by_qr(
    whatsapp_network: WhatsAppNetwork, number: str, neonize: ClientProcess
) -> None:
    control = whatsapp_network.control
    linked = await control.scan(number, (await neonize.next("qr"))["qr"])
    await neonize.next("Connected")

    stats = await control.stats()
    assert linked.jid == f"{number}:1@s.whatsapp.net"
    assert stats.logins_by_device == {f"{number}:1": 1}
    assert (stats.handshakes, stats.pairings, stats.replaced) == (2, 1, 0)
    assert [device.online for device in (await control.phone(number)).devices] == [True]


async def test_new_device_understands_the_phones_first_sync(
    whatsapp_network: WhatsAppNetwork, number: str, neonize: ClientProcess
) -> None:
    await whatsapp_network.control.scan(number, (await neonize.next("qr"))["qr"])
    history = await neonize.next("HistorySync")
    assert "INITIAL_BOOTSTRAP" in history["text"]


async def test_links_by_picture_of_the_qr(
    whatsapp_network: WhatsAppNetwork, number: str, neonize: ClientProcess
) -> None:
    picture = io.BytesIO()
    segno.make((await neonize.next("qr"))["qr"]).save(picture, kind="png", scale=4)
    await whatsapp_network.control.scan_picture(number, picture.getvalue())
    await neonize.next("Connected")


async def test_links_by_the_qr_on_the_screen(
    whatsapp_network: WhatsAppNetwork, number: str, neonize: ClientProcess
) -> None:
    control = whatsapp_network.control
    await control.show_screen((await neonize.next("qr"))["qr"], "Салон")
    await control.scan(number)
    await neonize.next("Connected")


async def test_links_by_code_after_a_mistyped_one(
    whatsapp_network: WhatsAppNetwork, number: str, neonize: ClientProcess
) -> None:
    control = whatsapp_network.control
    await neonize.next("qr")
    code = (await neonize.ask_code(number))["code"]

    with pytest.raises(ControlError, match="CODE_WRONG"):
        await control.type_code(number, "ZZZZ-ZZZZ")
    assert not {"PairStatus", "code_error", "status"} & set(neonize.kinds())

    await control.type_code(number, code)
    await neonize.next("Connected")
    assert (await control.stats()).pairings == 1


async def test_code_serves_the_number_it_was_asked_for(
    whatsapp_network: WhatsAppNetwork, number: str, neonize: ClientProcess
) -> None:
    control = whatsapp_network.control
    await control.create_phone(OTHER_NUMBER)
    await neonize.next("qr")
    code = (await neonize.ask_code(number))["code"]

    with pytest.raises(ControlError, match="CODE_NONE"):
        await control.type_code(OTHER_NUMBER, code)
    assert (await control.stats()).pairings == 0


async def test_code_for_a_number_without_whatsapp_is_refused(
    whatsapp_network: WhatsAppNetwork, neonize: ClientProcess
) -> None:
    await neonize.next("qr")
    assert (await neonize.ask_code(OTHER_NUMBER))["kind"] == "code_error"
    events = await whatsapp_network.control.events()
    assert "code_for_unknown_number" in [event.kind for event in events]


async def test_code_expires(
    whatsapp_network: WhatsAppNetwork, number: str, neonize: ClientProcess
) -> None:
    control = whatsapp_network.control
    await control.change_settings(pairing_code_s=0)
    await neonize.next("qr")
    code = (await neonize.ask_code(number))["code"]

    with pytest.raises(ControlError, match="CODE_EXPIRED"):
        await control.type_code(number, code)


async def test_qr_expires_and_the_stream_ends_with_the_last_one(
    whatsapp_network: WhatsAppNetwork, number: str, tmp_path: Path
) -> None:
    control = whatsapp_network.control
    await control.change_settings(
        qr_refs=2, qr_first_window_s=0.2, qr_next_window_s=0.2, qr_grace_s=0
    )
    async with run_neonize(whatsapp_network.environment, tmp_path / "store.db") as neonize:
        qr = (await neonize.next("qr"))["qr"]
        await neonize.next("status")
    with pytest.raises(ControlError, match="QR_EXPIRED"):
        await control.scan(number, qr)
    await wait_until(lambda: _nobody_is_connected(control))


async def _nobody_is_connected(control: ControlClient) -> bool:
    return (await control.stats()).open_connections == 0


async def test_spoilt_proof_of_the_phone_is_noticed_by_the_client(
    whatsapp_network: WhatsAppNetwork, number: str, neonize: ClientProcess
) -> None:
    control = whatsapp_network.control
    await control.add_fault(FaultKind.BAD_PAIRING, number=number, times=1)
    qr = (await neonize.next("qr"))["qr"]

    with pytest.raises(ControlError, match="LINK_REFUSED"):
        await control.scan(number, qr)
    assert (await control.phone(number)).devices == []


async def test_two_phones_cannot_take_one_offer(
    whatsapp_network: WhatsAppNetwork, number: str, neonize: ClientProcess
) -> None:
    control = whatsapp_network.control
    await control.create_phone(OTHER_NUMBER)
    qr = (await neonize.next("qr"))["qr"]
    results = await asyncio.gather(
        control.scan(number, qr), control.scan(OTHER_NUMBER, qr), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, ControlError)]

    assert len(refused) == 1
    assert refused[0].code in ("LINK_BUSY", "QR_EXPIRED")
    assert (await control.stats()).pairings == 1


async def test_client_that_gives_up_takes_its_qr_along(
    whatsapp_network: WhatsAppNetwork, number: str, neonize: ClientProcess
) -> None:
    control = whatsapp_network.control
    qr = (await neonize.next("qr"))["qr"]
    await neonize.end()

    await wait_until(lambda: _nobody_is_connected(control))
    with pytest.raises(ControlError, match="QR_EXPIRED"):
        await control.scan(number, qr)
