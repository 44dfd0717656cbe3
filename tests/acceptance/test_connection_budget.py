"""The library through PgBouncer, as deploy/pgbouncer.ini sets it up, and what goes wrong there."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx2
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from sandbox.services.server import RunningServer
from shared.bus.ping import RoundTrips
from shared.company_id import SalonId, SessionId, session_id_of
from tests.acceptance.conftest import WhatsApp
from tests.support.pgbouncer import TEST, PgBouncer, pgbouncer_for, server_connections
from tests.support.processes import Starter
from tests.support.services import PostgresServer
from tests.support.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.timeout(300)

SALONS = 12
SERVER_CONNECTIONS = 6
OUR_OWN = "whatsapp-service"
LINKERS = 3
CONCURRENCY = {"LINKER_CAPACITY": str(LINKERS), "RESTORE_CONCURRENCY": "12"}
ENDED_S = 90.0
"""A start, up to the point where it is refused."""


@pytest.fixture
def pgbouncer(database_url: str) -> Iterator[PgBouncer]:
    with pgbouncer_for(
        database_url,
        default_pool_size=SERVER_CONNECTIONS,
        max_db_connections=SERVER_CONNECTIONS,
        client_idle_timeout=3,
    ) as pgbouncer:
        yield pgbouncer


@pytest.fixture
def running_pgbouncer(pgbouncer: PgBouncer) -> Iterator[RunningServer]:
    server = pgbouncer.start()
    yield server
    server.stop()


@pytest.fixture
def whatsapp_environment(
    whatsapp_environment: dict[str, str],
    database_url: str,
    pgbouncer: PgBouncer,
    running_pgbouncer: RunningServer,
) -> dict[str, str]:
    del running_pgbouncer
    return {
        **whatsapp_environment,
        **CONCURRENCY,
        "WHATSAPP_STORE_URL": pgbouncer.url,
        "WHATSAPP_STORE_SCHEMA_URL": database_url,
    }


async def test_many_salons_share_few_connections_to_postgres(
    idle_whatsapp: WhatsApp, database_url: str
) -> None:
    """Linked, logged in at once after a restart, and again when all lose their connection."""
    process = idle_whatsapp.start()
    salons = [session_id_of(SalonId(1001 + index)) for index in range(SALONS)]
    numbers = [f"799900000{index:02}" for index in range(1, SALONS + 1)]
    async with _most_connections(database_url) as most:
        await _link(idle_whatsapp, salons, numbers)
        assert process.terminate() == 0

        _rename_accounts(database_url, "Анна, маникюр")
        process = idle_whatsapp.start()
        await _all_connected(idle_whatsapp, salons)
        before = (await idle_whatsapp.phones.stats()).logins
        for number in numbers:
            await idle_whatsapp.phones.drop(number)
        await wait_until(lambda: _logged_in(idle_whatsapp, before + SALONS), 30, "logins")
        await _all_connected(idle_whatsapp, salons)
    assert 0 < most[0] <= SERVER_CONNECTIONS + 1, "one more made the tables, not through PgBouncer"
    assert process.terminate() == 0
    assert await idle_whatsapp.phones.unknown_stanzas() == []


async def test_pgbouncer_that_is_restarted_under_linked_salons_is_survived(
    whatsapp: WhatsApp, pgbouncer: PgBouncer, running_pgbouncer: RunningServer
) -> None:
    first, second = SessionId("company_1001"), SessionId("company_1002")
    await whatsapp.link_by_qr(first, "79990000001")
    running_pgbouncer.stop()
    await _store_is(whatsapp, "error", 503)
    assert (await whatsapp.health(first))["socketAlive"]
    await whatsapp.phones.drop("79990000001")
    again = pgbouncer.start()
    try:
        await _all_connected(whatsapp, [first])
        await _store_is(whatsapp, "ok", 200)
        await whatsapp.link_by_qr(second, "79990000002")
        await whatsapp.bus.result(await whatsapp.bus.unlink(first), first)
        assert not (await whatsapp.phones.phone("79990000001")).devices
        await whatsapp.phones.drop("79990000002")
        await _all_connected(whatsapp, [second])
    finally:
        assert whatsapp.process.terminate() == 0
        again.stop()


def test_tables_that_are_made_in_another_database_end_the_start(
    whatsapp_environment: dict[str, str], start_process: Starter, postgres_server: PostgresServer
) -> None:
    elsewhere = postgres_server.create_database()
    environment = {
        **whatsapp_environment,
        "WHATSAPP_STORE_SCHEMA_URL": postgres_server.url(elsewhere),
    }
    try:
        process = start_process("whatsapp_service", environment)
        assert process.wait_exit(ENDED_S) != 0
        [said] = [it for it in process.log_events() if it["event"] == "store_schema_elsewhere"]
        assert "WHATSAPP_STORE_SCHEMA_URL" in said["advice"]
    finally:
        postgres_server.drop_database(elsewhere)


async def test_what_the_library_says_of_a_store_that_refuses_it_is_logged(
    whatsapp_environment: dict[str, str], start_process: Starter, database_url: str
) -> None:
    password = str(conninfo_to_dict(database_url)["password"])
    refused = database_url.replace(password, "wrongpassword")
    environment = {**whatsapp_environment, "WHATSAPP_STORE_SCHEMA_URL": refused}
    process = start_process("whatsapp_service", environment)

    await wait_until(lambda: "store_schema_refused" in process.log, ENDED_S, "the refusal")

    [said] = [it for it in process.log_events() if it["event"] == "store_schema_refused"][:1]
    assert "authentication failed" in said["error"]
    assert "wrongpassword" not in process.log
    assert process.terminate() == 0


@asynccontextmanager
async def _most_connections(database_url: str) -> AsyncIterator[list[int]]:
    """The most that the library and the pool for its tables had at once, looked at all the time."""
    most = [0]

    async def look() -> None:
        while True:
            names = await asyncio.to_thread(server_connections, database_url)
            most[0] = max(most[0], sum(name != OUR_OWN for name in names))
            await asyncio.sleep(0.02)

    looking = asyncio.create_task(look())
    try:
        yield most
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _link(whatsapp: WhatsApp, salons: list[SessionId], numbers: list[str]) -> None:
    """As many at once as there are linkers: a request waits for its QR for a while only."""
    turns = asyncio.Semaphore(LINKERS)

    async def link(salon: SessionId, number: str) -> None:
        async with turns:
            await whatsapp.link_by_qr(salon, number)

    await asyncio.gather(*map(link, salons, numbers))


def _rename_accounts(database_url: str, name: str) -> None:
    with psycopg.connect(database_url, autocommit=True, application_name=TEST) as connection:
        changed = connection.execute("UPDATE whatsmeow_device SET push_name = %s", (name,))
        assert changed.rowcount == SALONS


async def _store_is(whatsapp: WhatsApp, said: str, status: int) -> None:
    """In health, in the answer to a ping and in metrics."""

    async def is_said() -> bool:
        trip = await trips.through_whatsapp_service(5)
        async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
            health = await http.get(f"{whatsapp.url}/health")
            metrics = (await http.get(f"{whatsapp.url}/metrics")).text
        return (
            health.status_code == status
            and health.json()["checks"]["credentialStore"] == said
            and len(trip.storeless) == (said != "ok")
            and f"credential_store_answers {float(said == 'ok')}" in metrics
        )

    trips = RoundTrips(whatsapp.bus.redis)
    listening = asyncio.create_task(trips.run())
    try:
        await wait_until(is_said, 30, f"store {said}")
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _all_connected(whatsapp: WhatsApp, salons: list[SessionId]) -> None:
    for salon in salons:
        await wait_until(lambda: _connected(whatsapp, salon), 30, f"{salon} connected")  # noqa: B023


async def _connected(whatsapp: WhatsApp, salon: SessionId) -> bool:
    return bool((await whatsapp.health(salon))["connected"])


async def _logged_in(whatsapp: WhatsApp, logins: int) -> bool:
    return (await whatsapp.phones.stats()).logins >= logins
