"""A second, unrelated client links: the network is true to the protocol, not to one library."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api_service.frontend.build import Node
from sandbox.whatsapp_network.control_client import ControlError
from tests.support.baileys_process import run_baileys
from tests.support.client_process import ClientProcess
from tests.support.whatsapp_network import WhatsAppNetwork

pytestmark = [pytest.mark.node, pytest.mark.timeout(360)]


@pytest.fixture
async def client(
    whatsapp_network: WhatsAppNetwork, baileys: tuple[Node, Path]
) -> AsyncIterator[ClientProcess]:
    async with run_baileys(whatsapp_network, baileys) as client:
        yield client


async def test_baileys_links_by_qr(
    whatsapp_network: WhatsAppNetwork, number: str, client: ClientProcess
) -> None:
    control = whatsapp_network.control
    linked = await control.scan(number, (await client.next("qr"))["qr"])
    assert (await client.next("open"))["id"] == linked.jid
    told = [await client.next("app_state_key", "history") for _ in range(2)]  # in any order
    assert {event["kind"]: event.get("progress") for event in told} == {
        "app_state_key": None,
        "history": 100,
    }
    stats = await control.stats()
    assert (stats.pairings, stats.logins, stats.replaced) == (1, 1, 0)


async def test_baileys_links_by_code(
    whatsapp_network: WhatsAppNetwork, number: str, client: ClientProcess
) -> None:
    control = whatsapp_network.control
    await client.next("qr")
    code = (await client.ask_code(number))["code"]
    with pytest.raises(ControlError, match="CODE_WRONG"):
        await control.type_code(number, "ZZZZ-ZZZZ")
    await control.type_code(number, code)
    await client.next("open")


async def test_baileys_is_told_that_it_was_unlinked(
    whatsapp_network: WhatsAppNetwork, number: str, client: ClientProcess
) -> None:
    control = whatsapp_network.control
    await control.scan(number, (await client.next("qr"))["qr"])
    await client.next("open")
    await control.unlink(number, 1)
    assert (await client.next("close"))["status"] == 401
