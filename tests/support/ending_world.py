"""Both processes, the network in a box, and the ways in which a linked salon's session ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
import psycopg

from sandbox.proxy.server import ProxyServer
from sandbox.services.loopback import NOBODY
from sandbox.services.ports import free_port
from sandbox.whatsapp_network.control_client import ControlClient
from sandbox.whatsapp_network.faults import FaultKind
from shared.company_id import SessionId
from shared.messages.events import Connected, Qr
from shared.messages.status import Reason
from tests.support.api_process import ApiProcess
from tests.support.bus_probe import BusProbe, bus_probe
from tests.support.processes import ServiceProcess, Starter
from tests.support.waiting import PATIENCE_S

QUICK: Final = {
    "RECONNECT_FIRST_S": "0.05",
    "RECONNECT_SLOW_S": "120",
    # However slow the machine is, what is lost was not open for so long.
    "CONNECTION_STABLE_S": "600",
    "PROXY_FOLLOW_S": "0.3",
    "LINE_CHECK_S": "3",
    # So that a line is not taken for dark when a busy machine lets the network stand still.
    "LINE_ANSWER_S": "4",
}


@dataclass
class EndingWorld:
    phones: ControlClient
    bus: BusProbe
    api: ApiProcess
    environment: dict[str, str]
    start_process: Starter
    proxy: ProxyServer
    process: ServiceProcess = field(init=False)

    @property
    def whatsapp_url(self) -> str:
        return f"http://127.0.0.1:{self.environment['WHATSAPP_PORT']}"

    def start_whatsapp(self) -> None:
        self.process = self.start_process("whatsapp_service", self.environment)
        self.process.wait_healthy(f"{self.whatsapp_url}/health")

    async def recover(self, salon: "Ended") -> None:
        """After a test: the world is in order, and its salon counts no more endings."""
        await self.phones.clear_faults()
        self.run("ALTER TABLE IF EXISTS hidden RENAME TO whatsmeow_device")
        self.run("DELETE FROM whatsapp_proxies")
        self.run("UPDATE whatsmeow_device SET lid = replace(lid, 'x@', '@')")
        if self.process.returncode is not None:
            self.start_whatsapp()
        unlink = await self.bus.unlink(salon.session, uninstalled=True)
        await self.bus.result(unlink, salon.session)

    def run(self, statement: str, *values: object) -> None:
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(statement.encode(), values)

    async def link(self, number: int) -> "Ended":
        """A salon of the test's own, linked to a phone of its own."""
        salon = Ended(self, 5000 + number, f"7999{number:07}")
        self.run(
            "INSERT INTO companies (yclients_id, integration_status, installation)"
            " VALUES (%s, 'active', 1)",
            salon.salon_id,
        )
        await self.phones.create_phone(salon.number)
        after = len(self.bus.events)
        await self.bus.request_qr(salon.session)
        qr = await self.bus.event(Qr, salon.session, after=after)
        await self.phones.scan(salon.number, qr.qr)
        await self.bus.event(Connected, salon.session, after=after)
        [device] = (await self.phones.phone(salon.number)).devices
        salon.device = device.device
        return salon

    async def health(self, salon: "Ended") -> dict[str, Any]:
        async with httpx2.AsyncClient(verify=NOBODY, trust_env=False, timeout=PATIENCE_S) as http:
            answer = await http.get(f"{self.api.url}/health/company/{salon.salon_id}")
        report: dict[str, Any] = answer.json()
        return report

    async def counted(self, reason: Reason) -> tuple[float, float]:
        """How often sessions of the process have ended so, and how many stand so now."""
        async with httpx2.AsyncClient(verify=NOBODY, trust_env=False, timeout=PATIENCE_S) as http:
            text = (await http.get(f"{self.whatsapp_url}/metrics")).text
        return (
            _value(text, f'session_endings_total{{reason="{reason}"}}'),
            _value(text, f'sessions_by_reason{{reason="{reason}"}}'),
        )


@dataclass
class Ended:
    """A salon whose session a test ends."""

    world: EndingWorld
    salon_id: int
    number: str
    device: int = 0

    @property
    def session(self) -> SessionId:
        return SessionId(f"company_{self.salon_id}")

    async def drop(self) -> None:
        await self.world.phones.drop(self.number)

    async def cut_off(self) -> None:
        """Lost, with nobody there to come back to."""
        await self.world.phones.add_fault(FaultKind.UNREACHABLE)
        await self.drop()

    async def end_stream(self) -> None:
        await self.world.phones.add_fault(FaultKind.UNREACHABLE)
        await self.world.phones.end_stream(self.number, self.device, "500")

    async def log_in_to(self, kind: FaultKind, **details: object) -> None:
        await self.world.phones.add_fault(kind, number=self.number, **details)
        await self.drop()

    async def fall_silent(self) -> None:
        await self.world.phones.add_fault(FaultKind.HELD, number=self.number)

    async def open_anew(self) -> None:
        """By a freeze and a thaw."""
        bus = self.world.bus
        await bus.result(await bus.freeze(self.session), self.session)
        await bus.result(await bus.thaw(self.session), self.session)

    async def open_nowhere(self) -> None:
        await self.world.phones.add_fault(FaultKind.UNREACHABLE)
        await self.open_anew()

    async def lose_credentials(self) -> None:
        self.world.run("DELETE FROM whatsmeow_device WHERE jid LIKE %s", f"{self.number}:%")
        await self.open_anew()

    async def break_credentials(self) -> None:
        self.world.run(
            "UPDATE whatsmeow_device SET lid = replace(lid, '@', 'x@') WHERE jid LIKE %s",
            f"{self.number}:%",
        )
        await self.open_anew()

    async def hide_store(self) -> None:
        self.world.run("ALTER TABLE whatsmeow_device RENAME TO hidden")
        await self.open_anew()

    async def go_by(self, url: str) -> None:
        """The way of its connection, followed at once."""
        self.world.run(
            "INSERT INTO whatsapp_proxies (session_id, url) VALUES (%s, %s)", self.session, url
        )

    async def go_another_way(self) -> None:
        """A way on which nobody hurries, so that one can look."""
        await self.world.phones.add_fault(FaultKind.HELD, number=self.number)
        await self.go_by(self.world.proxy.url("http"))

    async def go_to_nobody(self) -> None:
        await self.go_by(f"http://127.0.0.1:{free_port()}")

    async def uninstall(self) -> None:
        """By YClients: a salon that is still here would be taken for one that is back."""
        self.world.run(
            "UPDATE companies SET integration_status = 'uninstalled' WHERE yclients_id = %s",
            self.salon_id,
        )
        await self.world.bus.unlink(self.session, uninstalled=True)

    async def stop_process(self) -> None:
        self.world.process.terminate()

    async def kill_process(self) -> None:
        self.world.process.kill()


def _value(text: str, sample: str) -> float:
    found = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(sample)]
    return float(found[0]) if found else 0.0


@asynccontextmanager
async def ending_world(
    phones: ControlClient, environment: dict[str, str], start_process: Starter
) -> AsyncIterator[EndingWorld]:
    """``environment``: where Postgres, Redis, the page and the library of the network are."""
    whatsapp = {**environment, **QUICK, "ENVIRONMENT": "test", "WHATSAPP_PORT": str(free_port())}
    api = ApiProcess.beside(whatsapp, start_process)
    api.environment["PAGE_DIR"] = environment["PAGE_DIR"]
    async with bus_probe(environment["REDIS_URL"]) as bus, ProxyServer() as proxy:
        world = EndingWorld(phones, bus, api, whatsapp, start_process, proxy)
        world.start_whatsapp()
        api.start()
        yield world
