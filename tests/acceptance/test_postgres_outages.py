"""Postgres killed under both processes."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from sandbox.services.ports import free_port
from sandbox.services.postgres import DISPOSABLE, PostgresSetup
from shared.company_id import SessionId
from shared.db_migrations import apply_migrations
from shared.errors import ErrorCode
from shared.messages.status import SessionStatus
from tests.acceptance.conftest import WhatsApp
from tests.support.api_process import ApiProcess
from tests.support.linking_steps import owners_of
from tests.support.own_servers import OwnServer, own_postgres
from tests.support.places import open_folder
from tests.support.processes import Starter
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)


@dataclass
class OwnPostgres:
    setup: PostgresSetup
    server: OwnServer


@pytest.fixture
async def own_postgres_server() -> AsyncIterator[OwnPostgres]:
    with open_folder("own-postgres") as folder:
        settings = {**DISPOSABLE, "fsync": "on", "full_page_writes": "on"}
        setup = PostgresSetup(
            folder / "postgres", free_port(), secrets.token_hex(8), settings=settings
        )
        server = own_postgres(setup)
        await server.start()
        try:
            yield OwnPostgres(setup, server)
        finally:
            await server.stop()


@pytest.fixture
def database_url(own_postgres_server: OwnPostgres) -> str:
    url = own_postgres_server.setup.url()
    apply_migrations(url)
    return url


async def test_while_postgres_is_away_it_is_said_and_afterwards_all_is_well_without_a_restart(
    whatsapp: WhatsApp,
    whatsapp_environment: dict[str, str],
    start_process: Starter,
    own_postgres_server: OwnPostgres,
) -> None:
    api = ApiProcess.beside(whatsapp_environment, start_process)
    api.start()
    linked, by_qr, by_code = owners_of(whatsapp.phones, 3)
    async with AsyncExitStack() as stack:
        for owner in (linked, by_qr, by_code):
            await owner.phones.create_phone(owner.number)
            await owner.come(stack, api.url)
        await linked.scans()
        await linked.is_connected()

        await own_postgres_server.server.kill()

        assert await api.answers("/marketplace/health", 503)
        assert await api.answers("/health", 503)
        await by_qr.page.ask("request-qr")
        await by_code.asks_code()
        status = await by_qr.has_status("error")
        assert (status["reason"], status["code"]) == ("store_unavailable", "SERVICE_UNAVAILABLE")
        assert status["nextStep"]
        refused = await by_code.page.next("pairing-code-error")
        assert refused["nextStep"]
        assert not by_qr.page.all("qr-update")

        await own_postgres_server.server.start()

        await wait_until(lambda: api.answers("/marketplace/health", 200), 30)
        await wait_until(lambda: api.answers("/health", 200), 30)
        await by_qr.scans()
        await by_qr.is_connected()
        await by_code.types()
        await by_code.is_connected()
        told = len(linked.page.all("status"))
        await linked.phones.drop(linked.number)
        await linked.went_through("reconnecting", "connected", since=told)


async def test_a_freeze_that_cannot_be_stored_is_refused_and_changes_nothing(
    whatsapp: WhatsApp, own_postgres_server: OwnPostgres
) -> None:
    salon = SessionId("company_1001")
    await whatsapp.link_by_qr(salon, "79990000001")
    await own_postgres_server.server.kill()

    refused = await whatsapp.bus.result(await whatsapp.bus.freeze(salon), salon)

    assert (refused.success, refused.code) == (False, ErrorCode.SERVICE_UNAVAILABLE)
    assert whatsapp.bus.statuses(salon)[-1] is SessionStatus.CONNECTED
    await own_postgres_server.server.start()
    await whatsapp.bus.obeyed(whatsapp.bus.freeze, salon)
    assert whatsapp.bus.statuses(salon)[-1] is SessionStatus.FROZEN
