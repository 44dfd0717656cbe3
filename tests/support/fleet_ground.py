"""What a fleet of WhatsApp processes stands on, with salons that are linked already.

Made once, it can be had as new any number of times within a second or two.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, LiteralString

import psutil
import psycopg
import redis
from psycopg.sql import SQL, Identifier

from sandbox.services import postgres, valkey
from sandbox.services.account import hand_over, unprivileged
from sandbox.services.ports import free_port
from sandbox.services.server import RunningServer
from sandbox.whatsapp_network import state_file
from shared.db_migrations import apply_migrations
from shared.lifecycle import allow_many_descriptors
from tests.support.linked_devices import LinkedSalon, make_salon, store_salons
from tests.support.places import open_folder
from tests.support.processes import ServiceProcess
from tests.support.whatsapp_network import NetworkProcess

FIRST_SALON: Final = 700_001
CONNECTIONS_PER_SALON: Final = 4
"""The library keeps about two for each session, and as many again while a session moves."""
OTHER_CONNECTIONS: Final = 100
STATEMENTS: Final = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "top",
}
TEMPLATE: Final = "salons"
DATABASE: Final = "fleet"


@dataclass
class Server:
    """A server that comes back on its port, with its data."""

    start_one: Callable[[], RunningServer]
    running: RunningServer = field(init=False)

    def __post_init__(self) -> None:
        self.running = self.start_one()

    def ensure_started(self) -> None:
        if self.running.has_exited:
            self.running = self.start_one()

    def stop(self) -> None:
        """Its clients are cut off."""
        self.running.stop()

    def processes(self) -> list[psutil.Process]:
        """To be stopped and continued: then it is there, and answers nothing."""
        process = psutil.Process(self.running.pid)
        return [process, *process.children(recursive=True)]


@dataclass
class Ground:
    """``environment`` is what each WhatsApp process is given besides its port."""

    folder: Path
    network: NetworkProcess
    postgres_setup: postgres.PostgresSetup
    postgres: Server
    redis_setup: valkey.ValkeySetup
    redis: Server
    salons: list[LinkedSalon] = field(default_factory=list)

    @property
    def database_url(self) -> str:
        return self.postgres_setup.url(DATABASE)

    def store_url(self, idle_s: int) -> str:
        """For the library, whose connections Postgres ends when they were idle for so long."""
        return f"{self.database_url}&idle_session_timeout={idle_s * 1000}"

    @property
    def redis_url(self) -> str:
        return self.redis_setup.url()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "ENVIRONMENT": "test",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "PYTHONPATH": self.network.ready["client_library"],
        }

    def renew(self) -> None:
        """Everything as it was at first: each salon linked, nobody connected. Nothing may run."""
        self.postgres.ensure_started()
        self.redis.ensure_started()
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()
        self._run(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), DATABASE)
        self._run(SQL("CREATE DATABASE {} TEMPLATE {}"), DATABASE, TEMPLATE)
        self.network.stop()
        self._write_accounts()
        self.network.start()

    def hold_salons_back(self) -> None:
        """As if they were not linked yet."""
        self._execute("CREATE TABLE held_back AS SELECT * FROM whatsapp_sessions")
        self._execute("DELETE FROM whatsapp_sessions")

    def let_salons_come(self) -> None:
        """All at once."""
        self._execute("INSERT INTO whatsapp_sessions SELECT * FROM held_back")
        self._execute("DROP TABLE held_back")

    def prepare(self, salons: int) -> None:
        """The template: both schemas, made by whoever makes them in production, and the salons."""
        url = self.postgres_setup.url(TEMPLATE)
        self._run(SQL("CREATE DATABASE {}"), TEMPLATE)
        apply_migrations(url)
        self._make_library_tables(url)
        self.salons = [make_salon(FIRST_SALON + number) for number in range(salons)]
        if self.salons:
            store_salons(url, self.salons)

    def _make_library_tables(self, url: str) -> None:
        port = free_port()
        own = {"DATABASE_URL": url, "WHATSAPP_PORT": str(port)}
        log = self.folder / "preparation.log"
        process = ServiceProcess("whatsapp_service", {**self.environment, **own}, log)
        try:
            process.wait_healthy(f"http://127.0.0.1:{port}/health")
            process.terminate()
        finally:
            process.clean_up()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    def _write_accounts(self) -> None:
        path = self.network.folder / state_file.FILE_NAME
        accounts = [salon.account for salon in self.salons]
        state_file.save(path, state_file.load(path).model_copy(update={"accounts": accounts}))

    def _execute(self, statement: LiteralString) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, statement: SQL, *names: str) -> None:
        with psycopg.connect(self.postgres_setup.url(), autocommit=True) as connection:
            connection.execute(statement.format(*map(Identifier, names)))


@contextmanager
def open_ground(salons: int, **settings: str) -> Iterator[Ground]:
    """Servers of its own; ``settings`` are Postgres'. Call `Ground.renew` before each use."""
    allow_many_descriptors()
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder("fleet"))
        network = NetworkProcess(_subfolder(folder, "network"))
        network.start()
        stack.callback(network.stop)
        postgres_setup = _postgres(_subfolder(folder, "postgres"), salons, settings)
        database = Server(lambda: postgres.start(postgres_setup))
        stack.callback(database.stop)
        redis_setup = valkey.ValkeySetup(
            _subfolder(folder, "valkey"), free_port(), settings=valkey.LASTING
        )
        keys = Server(lambda: valkey.start(redis_setup))
        stack.callback(keys.stop)
        ground = Ground(folder, network, postgres_setup, database, redis_setup, keys)
        ground.prepare(salons)
        yield ground


def _postgres(place: Path, salons: int, more: Mapping[str, str]) -> postgres.PostgresSetup:
    hand_over(place, unprivileged())
    connections = OTHER_CONNECTIONS + CONNECTIONS_PER_SALON * salons
    settings = {
        **postgres.DISPOSABLE,
        **STATEMENTS,
        "max_connections": str(connections),
        **more,
    }
    return postgres.PostgresSetup(place, free_port(), secrets.token_hex(8), settings=settings)


def _subfolder(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir()
    return path
