"""Fixtures: the network, a phone on it, and a real client linked to that phone."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.baileys_process import baileys
from tests.support.client_process import ClientProcess
from tests.support.neonize_process import run_neonize
from tests.support.places import open_folder
from tests.support.whatsapp_network import (
    WhatsAppNetwork,
    whatsapp_network,
    whatsapp_network_process,
)

__all__ = ["baileys", "whatsapp_network", "whatsapp_network_process"]

NUMBER = "79990000001"


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory: for a new device SQLite syncs 812 prekeys to a disk, one after the other."""
    with open_folder("neonize") as folder:
        yield folder


@pytest.fixture
async def number(whatsapp_network: WhatsAppNetwork) -> str:
    """Return the number of a phone with nothing linked."""
    await whatsapp_network.control.create_phone(NUMBER, "Салон")
    return NUMBER


@pytest.fixture
async def neonize(
    whatsapp_network: WhatsAppNetwork, tmp_path: Path
) -> AsyncIterator[ClientProcess]:
    """Start a client that is not linked."""
    async with run_neonize(whatsapp_network.environment, tmp_path / "store.db") as client:
        yield client


@pytest.fixture
async def linked(
    whatsapp_network: WhatsAppNetwork, number: str, neonize: ClientProcess
) -> ClientProcess:
    """Link the client to the phone, as device 1."""
    await whatsapp_network.control.scan(number, (await neonize.next("qr"))["qr"])
    await neonize.next("Connected")
    return neonize
