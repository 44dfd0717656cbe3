"""An API process is killed at each step of an uninstall and of a freeze: the other finishes it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from sandbox.services import valkey
from sandbox.services.ports import free_port
from shared.company_id import SalonId, session_id_of
from shared.messages.commands import Command
from tests.support.api_cluster import ApiCluster, start_api_cluster
from tests.support.holdings import gauges
from tests.support.own_servers import own_valkey
from tests.support.places import open_folder
from tests.support.processes import Starter
from tests.support.row_stops import RowStops, row_stops
from tests.support.salon_rows import SalonRows, lifecycle
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import WhatsAppSide, whatsapp_side

PATIENCE_S = 20.0
_numbers = itertools.count(1001)

Stop = Callable[[RowStops, int], None]


@dataclass
class Town:
    """Two API processes over one Redis and one Postgres, and a WhatsApp process that obeys."""

    cluster: ApiCluster
    salons: SalonRows
    whatsapp: WhatsAppSide

    async def send(self, process: int, salon: int, event: str) -> dict[str, Any]:
        async with httpx2.AsyncClient(timeout=PATIENCE_S, trust_env=False) as http:
            url = f"{self.cluster.urls[process]}/webhook/yclients"
            answer = await http.post(url, json=lifecycle(salon, event))
        assert answer.status_code == 200
        told: dict[str, Any] = answer.json()
        return told

    async def working(self) -> int | None:
        """The number of the process that carries something out."""
        for number, process in enumerate(self.cluster.processes):
            if process.returncode is None:
                held = await gauges(self.cluster.urls[number])
                if held.get("webhooks_in_hand"):
                    return number + 1
        return None

    async def kill_the_worker(self) -> None:
        number = await wait_until(self.working, PATIENCE_S, "a process is at work")
        assert number is not None
        self.cluster.processes[number - 1].kill()

    def give_claims_up(self) -> None:
        """As their end does, 10 s after the last renewal."""
        self.salons.run(
            "UPDATE marketplace_webhooks SET claim_ends_at = now() WHERE claim IS NOT NULL"
        )

    async def done(self, salon: int) -> None:
        await wait_until(
            lambda: self.salons.states(salon) == ["done"], PATIENCE_S, "the notification is done"
        )

    def commands(self, salon: int) -> list[str]:
        session_id = session_id_of(SalonId(salon))
        return [each.type for each in self.whatsapp.commands if each.company_id == session_id]


@pytest.fixture(scope="module")
def standing_cluster(
    module_start_process: Starter, module_database_url: str, valkey_url: str
) -> ApiCluster:
    return start_api_cluster(module_start_process, module_database_url, valkey_url)


@pytest.fixture
async def town(
    standing_cluster: ApiCluster, module_database_url: str, valkey_url: str
) -> AsyncIterator[Town]:
    """The cluster stays for the whole module; each test has a salon of its own."""
    await asyncio.to_thread(standing_cluster.revive)
    async with whatsapp_side(valkey_url) as whatsapp:
        whatsapp.reaction = whatsapp.result
        yield Town(standing_cluster, SalonRows(module_database_url), whatsapp)


def company_becomes(status: str) -> Stop:
    return lambda stops, salon: stops.on_update(
        "companies", f"NEW.yclients_id = {salon} AND NEW.integration_status = '{status}'"
    )


def event_is_written(event: str) -> Stop:
    return lambda stops, salon: stops.on_insert(
        "marketplace_events", f"NEW.salon_id = {salon} AND NEW.event_type = '{event}'"
    )


UNINSTALL = ["uninstall_started", "credentials_deleted", "uninstalled"]
FREEZE = ["freeze_started", "frozen"]


@pytest.mark.parametrize(
    ("event", "stop"),
    [
        pytest.param("uninstall", company_becomes("uninstalled"), id="uninstall: marked"),
        *(pytest.param("uninstall", event_is_written(each), id=each) for each in UNINSTALL),
        pytest.param("freeze", company_becomes("frozen"), id="freeze: marked"),
        *(pytest.param("freeze", event_is_written(each), id=each) for each in FREEZE),
    ],
)
async def test_killed_while_it_writes(town: Town, event: str, stop: Stop) -> None:
    salon = next(_numbers)
    town.salons.add(salon)
    with row_stops(town.salons.database_url) as stops:
        stop(stops, salon)
        await town.send(0, salon, event)
        await wait_until(lambda: stops.stopped, PATIENCE_S, "somebody has come to that step")
        await town.kill_the_worker()
        stops.cut_off()
    town.give_claims_up()

    await town.done(salon)

    ended_right(town, salon, event)


@pytest.mark.parametrize(
    ("event", "silent_at"), [("uninstall", "unlink"), ("uninstall", "thaw"), ("freeze", "freeze")]
)
async def test_killed_while_it_waits_for_whatsapp(town: Town, event: str, silent_at: str) -> None:
    """The session has done it, and nobody has heard so."""
    salon = next(_numbers)
    town.salons.add(salon)
    heard = asyncio.Event()

    async def react(command: Command) -> None:
        if command.type == silent_at and not heard.is_set():
            heard.set()
        else:
            await town.whatsapp.result(command)

    town.whatsapp.reaction = react
    await town.send(1, salon, event)
    await asyncio.wait_for(heard.wait(), PATIENCE_S)
    await town.kill_the_worker()
    town.give_claims_up()

    await town.done(salon)

    ended_right(town, salon, event)
    assert town.commands(salon).count(silent_at) == 2


async def test_killed_before_the_row_is_there_it_may_be_sent_again(town: Town) -> None:
    """Nothing was answered; and no mark in Redis says that it is known."""
    salon = next(_numbers)
    town.salons.add(salon)
    with row_stops(town.salons.database_url) as stops:
        stops.on_insert("marketplace_webhooks", f"NEW.salon_id = {salon}")
        sending = asyncio.create_task(town.send(0, salon, "uninstall"))
        await wait_until(lambda: stops.stopped, PATIENCE_S, "the row is about to be written")
        town.cluster.processes[0].kill()
        await asyncio.gather(sending, return_exceptions=True)
        stops.cut_off()

    told = await town.send(1, salon, "uninstall")
    await town.done(salon)

    assert told["success"] is True
    ended_right(town, salon, "uninstall")


async def test_killed_with_a_claim_it_is_taken_over_when_the_claim_ends(town: Town) -> None:
    salon = next(_numbers)
    town.salons.add(salon)
    town.whatsapp.reaction = None
    await town.send(0, salon, "freeze")
    await wait_until(lambda: town.commands(salon), PATIENCE_S)
    await town.kill_the_worker()
    town.whatsapp.reaction = town.whatsapp.result

    await town.done(salon)

    ended_right(town, salon, "freeze")


async def test_a_hundred_copies_over_a_restart_of_redis_have_one_effect(
    start_process: Starter, database_url: str
) -> None:
    """Redis comes back empty, in the middle of them."""
    salon = next(_numbers)
    salons = SalonRows(database_url)
    salons.add(salon)
    with open_folder("webhooks") as folder:
        setup = valkey.ValkeySetup(folder, free_port(), settings=valkey.DISPOSABLE)
        server = own_valkey(setup)
        await server.start()
        try:
            cluster = await asyncio.to_thread(
                start_api_cluster, start_process, database_url, setup.url()
            )
            answers = await a_hundred_copies(cluster, salon, server.stop, server.start)
            await wait_until(
                lambda: "uninstall_started" in salons.events(salon), PATIENCE_S, "it is begun"
            )
        finally:
            await server.stop()

    assert {answer["success"] for answer in answers} == {True}
    assert len(salons.webhooks(salon)) == 1
    assert salons.events(salon).count("uninstall_started") == 1
    assert sum("skipped" not in answer for answer in answers) >= 1


async def a_hundred_copies(
    cluster: ApiCluster, salon: int, stop: Callable[[], Any], start: Callable[[], Any]
) -> list[dict[str, Any]]:
    async with httpx2.AsyncClient(timeout=PATIENCE_S, trust_env=False) as http:

        async def send(number: int) -> dict[str, Any]:
            url = f"{cluster.urls[number % 2]}/webhook/yclients"
            told: dict[str, Any] = (await http.post(url, json=lifecycle(salon, "uninstall"))).json()
            return told

        before = await asyncio.gather(*(send(number) for number in range(50)))
        await stop()
        between = await asyncio.gather(*(send(number) for number in range(10)))
        await start()
        after = await asyncio.gather(*(send(number) for number in range(40)))
    return [*before, *between, *after]


def ended_right(town: Town, salon: int, event: str) -> None:
    """Each step is in the history once."""
    row = town.salons.row(salon)
    if event == "uninstall":
        assert (row["integration_status"], row["api_key"]) == ("uninstalled", None)
        assert town.salons.events(salon) == UNINSTALL
        assert town.commands(salon)[-1] == "thaw"
    else:
        assert (row["integration_status"], row["api_key"] is not None) == ("frozen", True)
        assert town.salons.events(salon) == FREEZE
        assert town.commands(salon)[-1] == "freeze"
