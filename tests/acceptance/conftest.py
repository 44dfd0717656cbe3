"""The real WhatsApp process against the network in a box, real Postgres and a real Redis server."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import httpx2
import pytest

from sandbox.services.loopback import NOBODY
from sandbox.services.ports import free_port
from sandbox.whatsapp_network.control_client import ControlClient
from shared.company_id import SessionId
from shared.messages.events import Connected, PairingCode, Qr
from tests.support.bus_probe import BusProbe, bus_probe
from tests.support.processes import ServiceProcess, Starter
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_network import (
    WhatsAppNetwork,
    whatsapp_network,
    whatsapp_network_process,
)
from tests.support.yclients import yclients_process

RESTORED_S: Final = 60.0

__all__ = ["whatsapp_network", "whatsapp_network_process"]


@dataclass
class WhatsApp:
    """The process under test, its world, and the place where the API process stands."""

    network: WhatsAppNetwork
    bus: BusProbe
    environment: dict[str, str]
    start_process: Starter
    process: ServiceProcess = field(init=False)
    processes: list[ServiceProcess] = field(default_factory=list)

    @property
    def phones(self) -> ControlClient:
        return self.network.control

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['WHATSAPP_PORT']}"

    @property
    def logs(self) -> list[str]:
        return [process.log for process in self.processes]

    def start(self, **environment: str) -> ServiceProcess:
        self.process = self.start_process("whatsapp_service", {**self.environment, **environment})
        self.processes.append(self.process)
        self.process.wait_healthy(f"{self.url}/health")
        return self.process

    async def health(self, session_id: SessionId) -> dict[str, object]:
        """What the process says of the session, once it has it: it restores for a while."""

        async def said() -> object:
            async with httpx2.AsyncClient(
                verify=NOBODY, trust_env=False, timeout=PATIENCE_S
            ) as http:
                answer = (await http.get(f"{self.url}/health")).json()
            return answer["sessions"].get(session_id)

        session = await wait_until(said, RESTORED_S, f"{session_id} is in health")
        return cast("dict[str, object]", session)

    async def link_by_qr(self, session_id: SessionId, phone: str) -> Connected:
        await self.phones.create_phone(phone)
        after = len(self.bus.events)
        await self.bus.request_qr(session_id)
        qr = await self.bus.event(Qr, session_id, after=after)
        await self.phones.scan(phone, qr.qr)
        return await self.bus.event(Connected, session_id, after=after)


@pytest.fixture
def api_port() -> int:
    return free_port()


@pytest.fixture
def yclients_url(api_port: int, tmp_path: Path) -> Iterator[str]:
    with yclients_process(f"http://127.0.0.1:{api_port}", tmp_path / "yclients.log") as url:
        yield url


@pytest.fixture
def whatsapp_environment(
    whatsapp_network: WhatsAppNetwork, database_url: str, redis_url: str
) -> dict[str, str]:
    return {
        "ENVIRONMENT": "test",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "WHATSAPP_PORT": str(free_port()),
        "PYTHONPATH": str(whatsapp_network.pythonpath),
    }


@pytest.fixture
async def idle_whatsapp(
    whatsapp_network: WhatsAppNetwork,
    whatsapp_environment: dict[str, str],
    redis_url: str,
    start_process: Starter,
) -> AsyncIterator[WhatsApp]:
    """Everything but the process, which the test starts itself."""
    async with bus_probe(redis_url) as bus:
        whatsapp = WhatsApp(whatsapp_network, bus, whatsapp_environment, start_process)
        yield whatsapp
        assert_nothing_secret_in(whatsapp)


def assert_nothing_secret_in(whatsapp: WhatsApp) -> None:
    """Whatever the process wrote holds neither a number nor a QR nor a code."""
    for log in whatsapp.logs:
        assert "79990000" not in log
        assert "2@" not in log
        for event in whatsapp.bus.events:
            assert not isinstance(event, PairingCode) or event.code not in log


@pytest.fixture
async def whatsapp(idle_whatsapp: WhatsApp) -> AsyncIterator[WhatsApp]:
    """Running; ended in order after the test, when nothing may be left that nobody understood."""
    idle_whatsapp.start()
    yield idle_whatsapp
    assert idle_whatsapp.process.terminate() == 0
    assert await idle_whatsapp.phones.unknown_stanzas() == []
