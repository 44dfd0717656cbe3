"""The API process is killed at each step of an uninstall and a freeze: its next life ends them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import httpx2
import pytest

from api_service.core.webhook_queue import AT_ONCE
from api_service.store.webhooks import CLAIM_S
from sandbox.services import valkey
from sandbox.services.loopback import NOBODY
from sandbox.services.ports import free_port
from shared.company_id import SalonId, SessionId, session_id_of
from shared.messages.commands import Command
from tests.support.api_cluster import ApiCluster, start_api_cluster
from tests.support.api_process import ApiProcess
from tests.support.own_servers import own_valkey
from tests.support.places import open_folder
from tests.support.processes import Starter
from tests.support.row_stops import RowStops, row_stops
from tests.support.salon_rows import SalonRows, lifecycle
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import WhatsAppSide

PATIENCE_S: Final = 30.0
NO_STATEMENT_TIMEOUT: Final = "&options=-c%20statement_timeout%3D0"
"""Of those who are stopped nobody is let go before all of them are."""
UNINSTALL: Final = ["uninstall_started", "credentials_deleted", "uninstalled"]
FREEZE: Final = ["freeze_started", "frozen"]


@dataclass(frozen=True)
class Case:
    """``stop``: SQL over NEW, of a row of that table, or the command that is not answered."""

    event: str
    table: str
    stop: str


CASES: Final = [
    Case("uninstall", "companies", "integration_status = 'uninstalled'"),
    *(Case("uninstall", "marketplace_events", f"event_type = '{event}'") for event in UNINSTALL),
    Case("uninstall", "", "unlink"),
    Case("uninstall", "", "thaw"),
    Case("freeze", "companies", "integration_status = 'frozen'"),
    *(Case("freeze", "marketplace_events", f"event_type = '{event}'") for event in FREEZE),
    Case("freeze", "", "freeze"),
]


@dataclass
class Town:
    api: ApiProcess
    salons: SalonRows
    whatsapp: WhatsAppSide

    async def send(self, salon: int, event: str) -> dict[str, Any]:
        async with httpx2.AsyncClient(verify=NOBODY, timeout=PATIENCE_S, trust_env=False) as http:
            url = f"{self.api.url}/webhook/yclients"
            answer = await http.post(url, json=lifecycle(salon, event))
        assert answer.status_code == 200
        told: dict[str, Any] = answer.json()
        return told

    async def live_again(self, stops: RowStops) -> None:
        """What the killed process was about to write is lost; its claims end by themselves."""
        self.api.kill()
        stops.cut_off()
        stops.end()
        self._claims_end()
        self.whatsapp.reaction = self.whatsapp.result
        await asyncio.to_thread(self.api.start)

    def _claims_end(self) -> None:
        """They would in a while."""
        rows = self.salons.run(
            "UPDATE marketplace_webhooks AS now SET claim_ends_at = now()"
            " FROM marketplace_webhooks AS before"
            " WHERE before.id = now.id AND now.claim IS NOT NULL"
            " RETURNING before.claim_ends_at - now() AS after"
        )
        assert all(row["after"] <= timedelta(seconds=CLAIM_S) for row in rows)

    async def done(self, salon: int) -> None:
        await wait_until(
            lambda: self.salons.states(salon) == ["done"], PATIENCE_S, f"{salon} is done"
        )

    def commands(self, salon: int) -> list[str]:
        session_id = session_id_of(SalonId(salon))
        return [each.type for each in self.whatsapp.commands if each.company_id == session_id]


@pytest.fixture
async def town(
    start_process: Starter, database_url: str, redis_url: str, whatsapp: WhatsAppSide
) -> Town:
    whatsapp.reaction = whatsapp.result
    servers = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    api = ApiProcess.beside(servers, start_process)
    api.environment["DATABASE_POOL_SIZE"] = "20"
    api.environment["DATABASE_URL"] += NO_STATEMENT_TIMEOUT
    api.environment["WEBHOOK_PATIENCE_S"] = "5"
    await asyncio.to_thread(api.start)
    return Town(api, SalonRows(database_url), whatsapp)


@pytest.mark.parametrize("event", ["uninstall", "freeze"])
async def test_killed_at_each_step_it_ends_right(town: Town, event: str) -> None:
    """Each salon stands at another step when the process is killed; all of them are in hand."""
    cases = [case for case in CASES if case.event == event]
    assert len(cases) <= AT_ONCE
    salons = dict(enumerate(cases, start=1001))
    silent: list[str] = []
    town.whatsapp.reaction = silent_for(town, salons, silent)
    with row_stops(town.salons.database_url) as stops:
        for salon, case in salons.items():
            town.salons.add(salon)
            stop_at(stops, salon, case)
        for salon, case in salons.items():
            await town.send(salon, case.event)
        written = sum(bool(case.table) for case in cases)
        await wait_until(
            lambda: stops.stopped == written and len(set(silent)) == len(cases) - written,
            PATIENCE_S,
            "every salon has come to its step",
        )
        await town.live_again(stops)

    for salon in salons:
        await town.done(salon)

    for salon, case in salons.items():
        assert ended_right(town, salon, case.event), case
        if not case.table:
            unanswered = silent.count(_named(session_id_of(SalonId(salon)), case.stop))
            assert town.commands(salon).count(case.stop) == unanswered + 1, case


async def test_killed_before_the_row_is_there_it_may_be_sent_again(town: Town) -> None:
    """Nothing was answered; and no mark in Redis says that it is known."""
    town.salons.add(1001)
    with row_stops(town.salons.database_url) as stops:
        stops.on_insert("marketplace_webhooks", "NEW.salon_id = 1001")
        sending = asyncio.create_task(town.send(1001, "uninstall"))
        await wait_until(lambda: stops.stopped, PATIENCE_S, "the row is about to be written")
        await town.live_again(stops)
        await asyncio.gather(sending, return_exceptions=True)

    told = await town.send(1001, "uninstall")
    await town.done(1001)

    assert told["success"] is True
    assert ended_right(town, 1001, "uninstall")


def stop_at(stops: RowStops, salon: int, case: Case) -> None:
    match case.table:
        case "companies":
            stops.on_update("companies", f"NEW.yclients_id = {salon} AND NEW.{case.stop}")
        case "marketplace_events":
            stops.on_insert("marketplace_events", f"NEW.salon_id = {salon} AND NEW.{case.stop}")


def silent_for(
    town: Town, salons: dict[int, Case], silent: list[str]
) -> Callable[[Command], Awaitable[None]]:
    """The session has done it, and nobody hears so."""
    unanswered = {
        (session_id_of(SalonId(salon)), case.stop)
        for salon, case in salons.items()
        if not case.table
    }

    async def react(command: Command) -> None:
        if (command.company_id, command.type) in unanswered:
            silent.append(_named(command.company_id, command.type))
        else:
            await town.whatsapp.result(command)

    return react


def _named(session_id: SessionId, command: str) -> str:
    return f"{session_id} {command}"


def ended_right(town: Town, salon: int, event: str) -> bool:
    """Each step is in the history once."""
    row = town.salons.row(salon)
    if event == "uninstall":
        return (
            (row["integration_status"], row["api_key"]) == ("uninstalled", None)
            and town.salons.history(salon) == UNINSTALL
            and town.commands(salon)[-1] == "thaw"
        )
    return (
        (row["integration_status"], row["api_key"] is not None) == ("frozen", True)
        and town.salons.history(salon) == FREEZE
        and town.commands(salon)[-1] == "freeze"
    )


@dataclass
class Copies:
    cluster: ApiCluster
    stop_redis: Callable[[], Awaitable[None]]
    start_redis: Callable[[], Awaitable[None]]


@pytest.fixture
async def copies(start_process: Starter, database_url: str) -> AsyncIterator[Copies]:
    """Two API processes over a Redis that comes back empty."""
    with open_folder("webhooks") as folder:
        setup = valkey.ValkeySetup(folder, free_port(), settings=valkey.DISPOSABLE)
        server = own_valkey(setup)
        await server.start()
        cluster = await asyncio.to_thread(
            start_api_cluster, start_process, database_url, setup.url(), WEBHOOK_PATIENCE_S="5"
        )
        yield Copies(cluster, server.stop, server.start)
        await server.stop()


async def test_a_hundred_copies_over_a_restart_of_redis_have_one_effect(
    copies: Copies, database_url: str
) -> None:
    salons = SalonRows(database_url)
    salons.add(1001)
    async with httpx2.AsyncClient(verify=NOBODY, timeout=PATIENCE_S, trust_env=False) as http:

        async def send(number: int) -> dict[str, Any]:
            url = f"{copies.cluster.urls[number % 2]}/webhook/yclients"
            told: dict[str, Any] = (await http.post(url, json=lifecycle(1001, "uninstall"))).json()
            return told

        before = await asyncio.gather(*(send(number) for number in range(50)))
        await copies.stop_redis()
        between = await asyncio.gather(*(send(number) for number in range(10)))
        await copies.start_redis()
        after = await asyncio.gather(*(send(number) for number in range(40)))
    await wait_until(lambda: salons.history(1001), PATIENCE_S, "it is begun")

    answers = [*before, *between, *after]
    assert {answer["success"] for answer in answers} == {True}
    assert len(salons.webhooks(1001)) == 1
    assert salons.history(1001) == ["uninstall_started"]
