"""Several WhatsApp processes over the same salons, and how to treat them badly."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2
import psutil

from sandbox.services.loopback import NOBODY
from sandbox.services.ports import free_port
from sandbox.whatsapp_network.control_client import ControlClient
from shared.company_id import SessionId
from tests.support.bus_probe import BusProbe, bus_probe
from tests.support.fleet_ground import Ground
from tests.support.processes import ServiceProcess
from tests.support.waiting import wait_until
from whatsapp_service.owners.guard import EXIT_START_AGAIN

NAMES: Final = ("a", "b", "c")
START_S: Final = 90.0
"""Several at once on a busy machine."""
STOP_S: Final = 100.0
"""It hands its sessions over first, for 60 s at most."""
RESTART_S: Final = 0.3
HEALTH_S: Final = 15.0
LOOK_EVERY_S: Final = 0.2


@dataclass
class Member:
    """A place for a process, on its own port: one life after the other.

    ``wanted``: whether it is started again when it ends, as a service manager does.
    """

    name: str
    environment: dict[str, str]
    folder: Path
    lives: list[ServiceProcess] = field(default_factory=list)
    wanted: bool = False

    @property
    def process(self) -> ServiceProcess:
        return self.lives[-1]

    @property
    def retired(self) -> bool:
        """The present life has ended, or is about to, because it left too much behind."""
        return '"event": "process_retires"' in self.process.log

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['WHATSAPP_PORT']}"

    @property
    def runs(self) -> bool:
        return bool(self.lives) and self.process.returncode is None

    @property
    def process_id(self) -> str | None:
        """Of the present life, as it names itself; None as long as it has not."""
        for event in self.process.log_events():
            if event["event"] == "whatsapp_service_started":
                return str(event["process_id"])
        return None

    def launch(self) -> None:
        log = self.folder / f"{self.name}-{len(self.lives)}.log"
        self.lives.append(ServiceProcess("whatsapp_service", self.environment, log))
        self.wanted = True

    def pause(self) -> None:
        """As a machine that swaps: neither it nor its sockets are gone."""
        self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.signal(signal.SIGCONT)

    def usage(self) -> psutil.Process:
        return psutil.Process(self.process.pid)


@dataclass
class Fleet:
    """The processes by name, and where a measurement stands.

    ``apart``: each believes to be on a machine of its own, so that none sees that another's pid is
    gone; for members that are made afterwards.
    """

    ground: Ground
    bus: BusProbe
    phones: ControlClient
    http: httpx2.AsyncClient
    environment: dict[str, str]
    members: dict[str, Member] = field(default_factory=dict)
    apart: bool = False

    @property
    def session_ids(self) -> list[SessionId]:
        return [salon.session_id for salon in self.ground.salons]

    def member(self, name: str) -> Member:
        if name not in self.members:
            own = {"WHATSAPP_PORT": str(free_port())}
            if self.apart:
                own["MACHINE_ID"] = f"machine-{name}"
            environment = {**self.ground.environment, **self.environment, **own}
            self.members[name] = Member(name, environment, self.ground.folder)
        return self.members[name]

    async def start(self, *names: str) -> None:
        """All at once; returns when each is healthy."""
        for name in names:
            self.member(name).launch()
        async with asyncio.TaskGroup() as tasks:
            for name in names:
                tasks.create_task(self.wait_healthy(self.member(name)))

    async def start_evenly(self, *names: str, timeout_s: float = START_S) -> None:
        """All at once; the salons come when each is there, so that each takes its share.

        Otherwise the first that is up takes all, and hands some over later.
        """
        await asyncio.to_thread(self.ground.hold_salons_back)
        await self.start(*names)
        await asyncio.to_thread(self.ground.let_salons_come)
        await self.all_connected(timeout_s)

    async def wait_healthy(self, member: Member) -> None:
        process = member.process

        async def healthy() -> bool:
            assert process.returncode is None, process.log
            with suppress(httpx2.TransportError):
                answer = await self.http.get(f"{member.url}/health")
                return answer.status_code == httpx2.codes.OK
            return False

        await wait_until(healthy, START_S, f"{member.name} is healthy")

    def kill(self, name: str) -> None:
        """SIGKILL; not started again."""
        self.members[name].wanted = False
        self.members[name].process.kill()

    async def terminate(self, *names: str) -> None:
        """SIGTERM to all of them, and wait until they have ended in good order.

        One may just have ended by itself.
        """
        for name in names:
            self.members[name].wanted = False
        codes = await asyncio.gather(
            *(asyncio.to_thread(self.members[name].process.terminate, STOP_S) for name in names)
        )
        for name, code in zip(names, codes, strict=True):
            retired = code == EXIT_START_AGAIN and self.members[name].retired
            assert code == 0 or retired, (name, code)

    async def health(self, member: Member) -> dict[str, Any] | None:
        """None when it does not answer, or is paused."""
        if not member.runs or member.usage().status() == psutil.STATUS_STOPPED:
            return None
        with suppress(httpx2.HTTPError):
            answer: dict[str, Any] = (await self.http.get(f"{member.url}/health")).json()
            return answer
        return None

    async def holders(self) -> dict[SessionId, list[str]]:
        """Which members say of which salons that they are connected, at this moment."""
        holders: dict[SessionId, list[str]] = {it: [] for it in self.session_ids}
        members = list(self.members.values())
        answers = await asyncio.gather(*map(self.health, members))
        for member, answer in zip(members, answers, strict=True):
            for session_id, session in (answer["sessions"] if answer else {}).items():
                if session["connected"]:
                    holders.setdefault(session_id, []).append(member.name)
        return holders

    async def missing(self) -> list[SessionId]:
        """Salons that are not connected, or not in one process alone."""
        holders = await self.holders()
        return [session_id for session_id in self.session_ids if len(holders[session_id]) != 1]

    async def all_connected(self, timeout_s: float) -> float:
        """How long it took until each salon was connected in one process, seen five times a second.

        Raises TimeoutError, naming some that are not.
        """
        began = time.monotonic()
        while missing := await self.missing():
            took_s = time.monotonic() - began
            if took_s > timeout_s:
                some = {it: (await self.holders())[it] for it in missing[:5]}
                raise TimeoutError(f"{len(missing)} not connected after {timeout_s} s: {some}")
            await asyncio.sleep(LOOK_EVERY_S)
        return time.monotonic() - began

    async def keep_running(self) -> None:
        """Start anew whatever has ended and is wanted, until cancelled."""
        while True:
            for member in list(self.members.values()):
                if member.wanted and not member.runs:
                    await asyncio.sleep(RESTART_S)
                    if member.wanted and not member.runs:
                        member.launch()
            await asyncio.sleep(LOOK_EVERY_S)

    def logs(self, members: Iterable[Member] | None = None) -> list[str]:
        chosen = self.members.values() if members is None else members
        return [life.log for member in chosen for life in member.lives]

    def clean_up(self) -> None:
        for member in self.members.values():
            member.wanted = False
            for life in member.lives:
                life.signal(signal.SIGCONT)
                life.clean_up()


@asynccontextmanager
async def open_fleet(ground: Ground, **environment: str) -> AsyncIterator[Fleet]:
    """A fleet without processes yet, on a ground that is as new."""
    await asyncio.to_thread(ground.renew)
    async with (
        bus_probe(ground.redis_url) as bus,
        ControlClient(ground.network.ready["control_url"]) as phones,
        httpx2.AsyncClient(verify=NOBODY, trust_env=False, timeout=HEALTH_S) as http,
    ):
        fleet = Fleet(ground, bus, phones, http, environment)
        keeping = asyncio.create_task(fleet.keep_running(), name="service manager")
        try:
            yield fleet
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await asyncio.to_thread(fleet.clean_up)
