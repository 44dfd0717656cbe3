"""Real servers and processes for a measurement; everything is gone at the end."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sandbox.services import postgres, valkey
from sandbox.services.account import hand_over, unprivileged
from sandbox.services.ports import free_port
from sandbox.services.server import RunningServer
from sandbox.whatsapp_network.control_client import ControlClient
from shared.db_migrations import apply_migrations
from shared.lifecycle import allow_many_descriptors
from tests.support.abandonment import ENVIRONMENT
from tests.support.api import JWT_SECRET, PARTNER_TOKEN
from tests.support.bus_probe import BusProbe, bus_probe
from tests.support.holdings import System
from tests.support.places import open_folder
from tests.support.processes import ServiceProcess
from tests.support.whatsapp_network import NetworkProcess

ENOUGH_CONNECTIONS: Final = "800"
"""The library keeps about two to Postgres for each connected session."""

PROGRAMS: Final = {"api_service": "API_PORT", "whatsapp_service": "WHATSAPP_PORT"}


@dataclass
class World:
    """Both processes, the network they talk to, and the place where a measurement stands."""

    environment: dict[str, str]
    folder: Path
    bus: BusProbe
    phones: ControlClient
    redis_setup: valkey.ValkeySetup
    redis_server: RunningServer
    processes: dict[str, ServiceProcess] = field(default_factory=dict)

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.environment['API_PORT']}"

    @property
    def whatsapp_url(self) -> str:
        return f"http://127.0.0.1:{self.environment['WHATSAPP_PORT']}"

    @property
    def system(self) -> System:
        return System(
            api_url=self.api_url,
            api_pid=self.processes["api_service"].pid,
            whatsapp_url=self.whatsapp_url,
            whatsapp_pid=self.processes["whatsapp_service"].pid,
            redis_url=self.environment["REDIS_URL"],
            database_url=self.environment["DATABASE_URL"],
            phones=self.phones,
        )

    @property
    def client_environment(self) -> dict[str, str]:
        """What a bare client of the library needs."""
        return {"PYTHONPATH": self.environment["PYTHONPATH"]}

    def start(self, program: str) -> None:
        """Start one of `PROGRAMS`, and return when it is healthy."""
        log = self.folder / f"{program}-{secrets.token_hex(2)}.log"
        self.processes[program] = process = ServiceProcess(program, self.environment, log)
        process.wait_healthy(f"http://127.0.0.1:{self.environment[PROGRAMS[program]]}/health")

    def restart_redis(self) -> None:
        """It comes back without anything it knew."""
        self.redis_server.stop()
        self.redis_server = valkey.start(self.redis_setup)

    def stop(self) -> None:
        self.redis_server.stop()

    def clean_up(self) -> None:
        for process in self.processes.values():
            process.clean_up()


@asynccontextmanager
async def whole_world(**environment: str) -> AsyncIterator[World]:
    """``environment`` is added to that of both processes.

    In memory where there is enough: no disk slows either side, nor the peer's SQLite, which waits
    for the disk many times when it links.
    """
    allow_many_descriptors()
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder("benchmark"))
        network = NetworkProcess(_subfolder(folder, "network"))
        network.start()
        stack.callback(network.stop)
        database_url = _database(folder, stack)
        redis_setup = valkey.ValkeySetup(
            _subfolder(folder, "valkey"), free_port(), settings=valkey.DISPOSABLE
        )
        redis_server = valkey.start(redis_setup)
        async with (
            bus_probe(redis_setup.url()) as bus,
            ControlClient(network.ready["control_url"]) as phones,
        ):
            variables = _environment(database_url, redis_setup.url(), network.ready, environment)
            world = World(variables, folder, bus, phones, redis_setup, redis_server)
            stack.callback(world.stop)
            stack.callback(world.clean_up)
            for program in PROGRAMS:
                world.start(program)
            yield world
            for process in world.processes.values():
                process.terminate()


def _environment(
    database_url: str, redis_url: str, network: Mapping[str, str], more: Mapping[str, str]
) -> dict[str, str]:
    return {
        **ENVIRONMENT,
        "ENVIRONMENT": "test",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "API_PORT": str(free_port()),
        "WHATSAPP_PORT": str(free_port()),
        "JWT_SECRET": JWT_SECRET,
        "YCLIENTS_PARTNER_TOKEN": PARTNER_TOKEN,
        "YCLIENTS_APP_ID": "77",
        "PYTHONPATH": network["client_library"],
        **more,
    }


def _database(folder: Path, stack: ExitStack) -> str:
    place = _subfolder(folder, "postgres")
    hand_over(place, unprivileged())
    settings = {**postgres.DISPOSABLE, "max_connections": ENOUGH_CONNECTIONS}
    setup = postgres.PostgresSetup(place, free_port(), secrets.token_hex(8), settings=settings)
    stack.callback(postgres.start(setup).stop)
    apply_migrations(setup.url())
    return setup.url()


def _subfolder(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir()
    return path
