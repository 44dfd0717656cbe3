"""Starts everything in order, and says where it is."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Final

import httpx2
import psycopg
import redis.asyncio
import redis.exceptions

from sandbox.run import programs
from sandbox.run.child import Child, ChildSpec
from sandbox.run.data_folder import DataFolder
from sandbox.run.settings import RunSettings
from sandbox.run.supervisor import Supervisor
from sandbox.run.terminal import Terminal
from sandbox.services import postgres, valkey
from sandbox.services.errors import SandboxError
from sandbox.services.server import ServerCommand
from sandbox.whatsapp_network.control_client import ControlClient
from shared.db_migrations import MigrationError, apply_migrations

SERVER_TIMEOUT_S: Final = 30.0
WORLD_TIMEOUT_S: Final = 30.0
PROCESS_TIMEOUT_S: Final = 60.0
PROBE_TIMEOUT_S: Final = 5.0
DEMO_PHONE: Final = "79990000001"


class Town:
    """The two processes and the world around them. `start` once; the supervisor ends it."""

    def __init__(
        self, settings: RunSettings, data: DataFolder, supervisor: Supervisor, terminal: Terminal
    ) -> None:
        self._settings = settings
        self._data = data
        self._supervisor = supervisor
        self._terminal = terminal

    async def start(self) -> str:
        """Return Redis's URL when `/health` of both processes answers.

        Raises SandboxError, in plain language, for whatever of this machine prevents it.
        """
        database_url, redis_url = await asyncio.gather(self._database(), self._redis())
        await self._migrate(database_url)
        environment = programs.environment(
            self._settings, self._data.secrets, database_url, redis_url
        )
        network, _ = await asyncio.gather(
            self._world(
                programs.whatsapp_network(self._settings, self._data.path, environment), _has_spoken
            ),
            self._world(
                programs.salon_portal(self._settings, environment),
                _answers(f"{self._settings.portal_url}/"),
            ),
        )
        await self._demo_phone()
        library = json.loads(network.first_line or b"{}")["client_library"]
        await asyncio.gather(
            *(self._process(spec) for spec in programs.processes(environment, library))
        )
        return redis_url

    async def _database(self) -> str:
        if self._settings.database_url:
            await asyncio.to_thread(_check_database, self._settings.database_url)
            return self._settings.database_url
        folder = await asyncio.to_thread(self._data.postgres_folder)
        if not folder.is_relative_to(self._data.path):
            self._terminal.say(
                f"Postgres may not run as root, and others may not enter {self._data.path}:"
                f" its data is in {folder}."
            )
        setup = postgres.PostgresSetup(
            folder, self._data.port("postgres"), self._data.secrets.postgres_password
        )
        command = await asyncio.to_thread(postgres.prepare, setup)
        await self._server(command, lambda: postgres.answers(setup))
        return setup.url()

    async def _redis(self) -> str:
        if self._settings.redis_url:
            await _check_redis(self._settings.redis_url)
            return self._settings.redis_url
        setup = valkey.ValkeySetup(self._data.path / "valkey", self._data.port("valkey"))
        command = await asyncio.to_thread(valkey.prepare, setup)
        await self._server(command, lambda: valkey.answers(setup))
        return setup.url()

    async def _server(self, command: ServerCommand, answers: Callable[[], bool]) -> None:
        spec = ChildSpec.of_server(
            command, tier=programs.SERVERS, stop_timeout_s=programs.SERVER_STOP_S
        )

        async def is_ready(_child: Child) -> bool:
            return await asyncio.to_thread(answers)

        await self._supervisor.start(spec, is_ready, SERVER_TIMEOUT_S)

    async def _migrate(self, database_url: str) -> None:
        try:
            await asyncio.to_thread(apply_migrations, database_url)
        except MigrationError as error:
            remedy = (
                "Is DATABASE_URL right?" if self._settings.database_url else postgres.RESET_HINT
            )
            raise SandboxError(f"The database could not be migrated: {error}.", remedy) from error

    async def _world(self, spec: ChildSpec, is_ready: Callable[[Child], Awaitable[bool]]) -> Child:
        return await self._supervisor.start(spec, is_ready, WORLD_TIMEOUT_S)

    async def _process(self, spec: ChildSpec) -> None:
        urls = {"api": self._settings.api_url, "whatsapp": self._settings.whatsapp_url}
        is_ready = _answers(f"{urls[spec.name]}/health") if spec.name in urls else _has_started
        await self._supervisor.start(spec, is_ready, PROCESS_TIMEOUT_S)

    async def _demo_phone(self) -> None:
        async with ControlClient(self._settings.phone_url) as network:
            if not await network.phones():
                await network.create_phone(DEMO_PHONE, "Телефон салона")


def _answers(url: str) -> Callable[[Child], Awaitable[bool]]:
    async def is_ready(_child: Child) -> bool:
        try:
            async with httpx2.AsyncClient(timeout=PROBE_TIMEOUT_S, trust_env=False) as client:
                return (await client.get(url)).status_code == httpx2.codes.OK
        except httpx2.TransportError:
            return False

    return is_ready


async def _has_spoken(child: Child) -> bool:
    return child.first_line is not None and child.first_line.startswith(b"{")


async def _has_started(child: Child) -> bool:
    return child.pid is not None


async def _check_redis(url: str) -> None:
    try:
        async with redis.asyncio.from_url(url, socket_timeout=PROBE_TIMEOUT_S) as client:
            await client.ping()
    except (redis.exceptions.RedisError, ValueError) as error:
        raise SandboxError(
            f"REDIS_URL cannot be used: {type(error).__name__}.",
            "Start that server, or unset REDIS_URL to get an embedded one.",
        ) from None


def _check_database(url: str) -> None:
    try:
        psycopg.connect(url, connect_timeout=int(PROBE_TIMEOUT_S)).close()
    except psycopg.Error:
        raise SandboxError(
            "DATABASE_URL cannot be used: no Postgres answers there.",
            "Start that server, or unset DATABASE_URL to get an embedded one.",
        ) from None
