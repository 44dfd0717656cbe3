"""Real servers and processes for a measurement; everything is gone at the end."""

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.services import postgres, valkey
from sandbox.services.account import hand_over, unprivileged
from sandbox.services.ports import free_port
from sandbox.whatsapp_network.control_client import ControlClient
from shared.db_migrations import apply_migrations
from tests.support.bus_probe import BusProbe, bus_probe
from tests.support.processes import ServiceProcess
from tests.support.whatsapp_network import NetworkProcess


@dataclass(frozen=True)
class World:
    """The WhatsApp process, the network it talks to, and the place where the API stands."""

    bus: BusProbe
    phones: ControlClient
    process: ServiceProcess
    redis_url: str
    client_environment: dict[str, str]
    folder: Path


@asynccontextmanager
async def whole_world() -> AsyncIterator[World]:
    folder = _open_folder()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        database_url, redis_url = _servers(folder, stack)
        network = NetworkProcess(_subfolder(folder, "network"))
        network.start()
        stack.callback(network.stop)
        client_environment = {"PYTHONPATH": network.ready["client_library"]}
        port = free_port()
        process = ServiceProcess(
            "whatsapp_service",
            {
                **client_environment,
                "ENVIRONMENT": "test",
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "WHATSAPP_PORT": str(port),
            },
            folder / "whatsapp.log",
        )
        stack.callback(process.clean_up)
        process.wait_healthy(f"http://127.0.0.1:{port}/health")
        async with (
            bus_probe(redis_url) as bus,
            ControlClient(network.ready["control_url"]) as phones,
        ):
            yield World(bus, phones, process, redis_url, client_environment, folder)
        process.terminate()


def _servers(folder: Path, stack: ExitStack) -> tuple[str, str]:
    database_folder = _subfolder(folder, "postgres")
    hand_over(database_folder, unprivileged())
    setup = postgres.PostgresSetup(database_folder, free_port(), secrets.token_hex(8))
    stack.callback(postgres.start(setup).stop)
    apply_migrations(setup.url())
    redis = valkey.ValkeySetup(_subfolder(folder, "valkey"), free_port())
    stack.callback(valkey.start(redis).stop)
    return setup.url(), redis.url()


def _open_folder() -> Path:
    """Open to the other account under which Postgres runs when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="ai-admin-benchmark-", dir="/var/tmp"))
    folder.chmod(0o755)
    return folder


def _subfolder(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir()
    return path


def machine() -> str:
    return f"{os.cpu_count()} cores, {os.uname().sysname} {os.uname().machine}"
