"""The real neonize links to the network."""

from pathlib import Path

import pytest

from sandbox.whatsapp_network.control_client import ControlError
from tests.support.neonize_process import run_neonize
from tests.support.whatsapp_network import WhatsAppNetwork

NUMBER = "79990000001"


async def test_links_by_qr(whatsapp_network: WhatsAppNetwork, tmp_path: Path) -> None:
    control = whatsapp_network.control
    await control.create_phone(NUMBER, "Салон")
    async with run_neonize(whatsapp_network.environment, tmp_path / "store.db") as neonize:
        qr = (await neonize.next("qr"))["qr"]
        linked = await control.scan(NUMBER, qr)
        await neonize.next("Connected")
        await neonize.next("HistorySync")
        stats = await control.stats()
        assert linked.jid == f"{NUMBER}:1@s.whatsapp.net"
        assert stats.logins_by_device == {f"{NUMBER}:1": 1}
        assert (stats.handshakes, stats.pairings, stats.replaced) == (2, 1, 0)


async def test_links_by_code(whatsapp_network: WhatsAppNetwork, tmp_path: Path) -> None:
    control = whatsapp_network.control
    await control.create_phone(NUMBER, "Салон")
    async with run_neonize(whatsapp_network.environment, tmp_path / "store.db") as neonize:
        await neonize.next("qr")
        code = (await neonize.ask_code(NUMBER))["code"]
        with pytest.raises(ControlError, match="CODE_WRONG"):
            await control.type_code(NUMBER, "WRNGC0DE".replace("0", "1"))
        await control.type_code(NUMBER, code)
        await neonize.next("Connected")
