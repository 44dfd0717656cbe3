"""Starts everything in order, and says where it is."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
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
from sandbox.services.loopback import NOBODY
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
        # One client for all probes: making one costs as much as a hundred of them.
        async with httpx2.AsyncClient(
            verify=NOBODY, timeout=PROBE_TIMEOUT_S, trust_env=False
        ) as http:
            return await self._start(http)

    async def _start(self, http: httpx2.AsyncClient) -> str:
        environment = programs.environment(self._settings, self._data.secrets)
        database_url, redis_url, library, _ = await asyncio.gather(
            self._migrated_database(),
            self._redis(),
            self._network(environment),
            self._yclients(http, environment),
        )
        environment |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
        await asyncio.gather(
            *(self._process(http, spec) for spec in programs.processes(environment, library))
        )
        return redis_url

    async def _migrated_database(self) -> str:
        url = self._settings.database_url
        if url:
            await asyncio.to_thread(_check_database, url)
        else:
            url = await self._embedded_database()
        try:
            await asyncio.to_thread(apply_migrations, url)
        except MigrationError as error:
            remedy = (
                "Is DATABASE_URL right?" if self._settings.database_url else postgres.RESET_HINT
            )
            raise SandboxError(f"The database could not be migrated: {error}.", remedy) from error
        return url

    async def _embedded_database(self) -> str:
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

    async def _network(self, environment: Mapping[str, str]) -> str:
        """Return the folder with the client library's copy that talks to this network."""
        spec = programs.whatsapp_network(self._settings, self._data.path, environment)
        network = await self._supervisor.start(spec, _has_spoken, WORLD_TIMEOUT_S)
        async with ControlClient(self._settings.phone_url) as control:
            if not await control.phones():
                await control.create_phone(DEMO_PHONE, "Телефон салона")
        return str(json.loads(network.first_line or b"{}")["client_library"])

    async def _yclients(self, http: httpx2.AsyncClient, environment: Mapping[str, str]) -> None:
        spec = programs.yclients(self._settings, self._data.path, environment)
        is_ready = _answers(http, f"{self._settings.portal_url}/")
        await self._supervisor.start(spec, is_ready, WORLD_TIMEOUT_S)

    async def _process(self, http: httpx2.AsyncClient, spec: ChildSpec) -> None:
        urls = {"api": self._settings.api_url, "whatsapp": self._settings.whatsapp_url}
        is_ready = (
            _answers(http, f"{urls[spec.name]}/health") if spec.name in urls else _has_started
        )
        await self._supervisor.start(spec, is_ready, PROCESS_TIMEOUT_S)


def _answers(http: httpx2.AsyncClient, url: str) -> Callable[[Child], Awaitable[bool]]:
    async def is_ready(_child: Child) -> bool:
        try:
            return (await http.get(url)).status_code == httpx2.codes.OK
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
