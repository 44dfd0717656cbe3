"""Fixtures: one real Postgres and one real Valkey for the whole run of tests."""

import itertools
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from redis import Redis

from sandbox.services import postgres, valkey
from sandbox.services.ports import free_port
from shared.db_migrations import apply_migrations
from tests.support.places import open_folder
from tests.support.waiting import block_until

TEMPLATE: Final = "template_migrated"
IN_USE_S: Final = 30.0

_END_LOG_INS: Final = SQL("""
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND datname IS NULL
""")

_names = (f"test_{number}" for number in itertools.count(1))


@dataclass(frozen=True)
class PostgresServer:
    """A running server. `url()` names a database on it."""

    setup: postgres.PostgresSetup

    def url(self, database: str = "postgres") -> str:
        return self.setup.url(database)

    def create_database(self, template: str = "template1") -> str:
        """Create a database of a name of its own and return that name."""
        name = next(_names)
        self._once_nobody_uses_it(SQL("CREATE DATABASE {} TEMPLATE {}"), name, template)
        return name

    def drop_database(self, name: str) -> None:
        """Drop it also when something is still connected: that is for the test to assert.

        Nor does it wait a minute for a connection that nobody is making any more: a pool that is
        closed while it grows leaves some in the middle of their log-in.
        """
        drop = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._once_nobody_uses_it(drop, name, first=(_END_LOG_INS,))

    def run(self, statement: SQL, *names: str, first: tuple[SQL, ...] = ()) -> None:
        """Over one connection: to make it costs more than the statements."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            for each in first:
                connection.execute(each)
            connection.execute(statement.format(*map(Identifier, names)))

    def _once_nobody_uses_it(
        self, statement: SQL, *names: str, first: tuple[SQL, ...] = ()
    ) -> None:
        """Postgres gives those who have been sent away 5 s to go, and then gives up."""

        def done() -> bool:
            try:
                self.run(statement, *names, first=first)
            except psycopg.errors.ObjectInUse:
                return False
            return True

        block_until(done, IN_USE_S, f"{names[0]} is used by nobody")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Postgres of its own for this run of tests, without care for power cuts."""
    with open_folder("postgres") as folder:
        setup = postgres.PostgresSetup(
            folder / "postgres", free_port(), secrets.token_hex(8), settings=postgres.DISPOSABLE
        )
        server = postgres.start(setup)
        try:
            yield PostgresServer(setup)
        finally:
            server.stop()


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    """Name of a database with all migrations applied, to clone from."""
    postgres_server.run(SQL("CREATE DATABASE {}"), TEMPLATE)
    apply_migrations(postgres_server.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def database_url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    """URL of a database of the test's own, migrated and empty; dropped afterwards."""
    name = postgres_server.create_database(migrated_template)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def empty_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """URL of a database of the test's own, without any table; dropped afterwards."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """URL of the run's one Valkey. Tests take `redis_url`, which is clean."""
    with open_folder("valkey") as folder:
        setup = valkey.ValkeySetup(folder / "valkey", free_port(), settings=valkey.DISPOSABLE)
        server = valkey.start(setup)
        try:
            yield setup.url()
        finally:
            server.stop()


@pytest.fixture
def redis_url(valkey_url: str) -> Iterator[str]:
    """URL of a Redis-protocol server without keys, scripts and clients of earlier tests."""
    with Redis.from_url(valkey_url, decode_responses=True) as client:
        client.client_kill_filter(skipme=True, _type="normal")
        client.client_kill_filter(skipme=True, _type="pubsub")
        client.flushall()
        client.script_flush()
        yield valkey_url


@pytest.fixture
def no_leaked_keys(redis_url: str) -> Iterator[None]:
    """Fail the test when it leaves a key without a time to live that it did not find."""
    yield
    with Redis.from_url(redis_url, decode_responses=True) as client:
        leaked = [key for key in client.scan_iter() if client.ttl(key) == -1]
    assert not leaked, f"keys that never expire were left: {sorted(leaked)}"
