"""Salons are activated by whichever process comes first, once: real Postgres, real Redis."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio

from api_service.activation_parts import ActivationParts
from api_service.core.tokens import Registration
from api_service.settings import ApiSettings
from api_service.store.activations import ActivationState, IntegrationStatus
from api_service.yclients.errors import AmbiguousError, RefusedError
from shared.bus.connection import connect_redis
from shared.bus.snapshots import Snapshots
from shared.company_id import CompanyId, SalonId, session_id_of
from shared.db import make_pool
from shared.errors import AppError, ErrorCode
from shared.lifecycle import background_tasks
from shared.messages.events import Connected, Logout
from tests.support.answering_yclients import AnsweringYclients
from tests.support.api import api_settings
from tests.support.salons import Salons
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import WhatsAppSide, whatsapp_side

PHONE = "79990000001"
ACTIVE = IntegrationStatus.ACTIVE


@dataclass(frozen=True)
class Town:
    """Several "processes" over one Postgres, one Redis and one YClients."""

    salons: Salons
    yclients: AnsweringYclients
    processes: list[ActivationParts]
    whatsapp: WhatsAppSide

    async def ask(self, process: int, salon: int) -> ActivationState | ErrorCode:
        registration = Registration(CompanyId(1), SalonId(salon), 0.0)
        try:
            return await self.processes[process].requests.request(registration)
        except AppError as refusal:
            return refusal.code

    async def due_now(self) -> None:
        """Not in the event loop: an attempt in it may hold the row, and could never let it go."""
        await asyncio.to_thread(self.salons.run, "UPDATE companies SET activation_due_at = now()")

    async def settled(self, condition: Callable[[], bool], what: str) -> None:
        await wait_until(condition, timeout_s=30, what=what)


@pytest.fixture(params=[True, False], ids=["step machine", "simple"])
def settings(request: pytest.FixtureRequest, database_url: str, redis_url: str) -> ApiSettings:
    return api_settings(database_url, redis_url, use_transaction_activation=request.param)


@pytest_asyncio.fixture
async def town(settings: ApiSettings) -> AsyncIterator[Town]:
    redis_url = settings.redis_url.get_secret_value()
    database_url = settings.database_url.get_secret_value()
    yclients = AnsweringYclients()
    async with contextlib.AsyncExitStack() as stack:
        whatsapp = await stack.enter_async_context(whatsapp_side(redis_url))
        processes = []
        for _ in range(2):
            redis, pool = connect_redis(redis_url), make_pool(database_url, 10, "test")
            pool.timeout = PATIENCE_S  # a busy machine gives hundreds their turn, but not in 5 s
            stack.push_async_callback(redis.aclose)
            await stack.enter_async_context(pool)
            parts = ActivationParts(settings, pool, redis, Snapshots(redis), yclients)
            parts.start(await stack.enter_async_context(background_tasks()))
            processes.append(parts)
        yield Town(Salons(database_url), yclients, processes, whatsapp)


def tell(town: Town, salon: int) -> None:
    """Both processes hear from the bus that the salon is connected."""
    for process in town.processes:
        process.recorder.take(
            Connected(company_id=session_id_of(SalonId(salon)), phone_number=PHONE)
        )


async def test_a_connected_salon_is_activated_though_nobody_asks(town: Town) -> None:
    town.salons.register(1001)

    tell(town, 1001)

    await town.settled(lambda: len(town.salons.history(1001)) == 3, "the history is whole")
    await town.settled(lambda: town.salons.statuses() == {1001: "active"}, "the salon is active")
    assert town.yclients.salons == [1001]
    assert town.salons.history(1001) == [
        "activation_started",
        "activation_sent",
        "activation_completed",
    ]
    [row] = town.salons.run("SELECT * FROM companies")
    assert (row["whatsapp_connected"], row["whatsapp_phone"]) == (True, PHONE)
    assert row["api_key"].startswith("gAAAA")


async def test_what_was_told_while_no_process_was_there_is_found(town: Town) -> None:
    town.salons.register(1001)
    await town.whatsapp.connected(session_id_of(SalonId(1001)), PHONE)

    await town.processes[0].recorder._look()

    await town.settled(lambda: town.salons.statuses() == {1001: "active"}, "the salon is active")


@pytest.mark.parametrize(
    ("status", "due"),
    [
        ("pending_whatsapp", "now"),
        ("activation_failed", None),
        ("activation_pending", "now"),
        ("activating", "now"),
    ],
)
async def test_a_link_that_nobody_heard_of_is_found_however_the_salon_stood(
    town: Town, status: str, due: str | None
) -> None:
    """It was linked, lost its link, and got a new one while no process was there."""
    town.salons.register(1001)
    town.salons.run(
        "UPDATE companies SET whatsapp_connected = false, integration_status = %s,"
        " activation_due_at = %s",
        status,
        due,
    )
    await town.whatsapp.connected(session_id_of(SalonId(1001)), PHONE)

    await town.processes[0].recorder._look()

    await town.settled(lambda: town.salons.statuses() == {1001: "active"}, "the salon is active")


async def test_two_hundred_requests_for_one_salon_are_one_activation(town: Town) -> None:
    """Linked before the first of them looks: what it was told of that may not be written yet."""
    town.salons.register(1001)
    await town.whatsapp.connected(session_id_of(SalonId(1001)), PHONE)
    tell(town, 1001)

    answers = await asyncio.gather(*(town.ask(number % 2, 1001) for number in range(200)))

    refused = [answer for answer in answers if answer is ErrorCode.CONCURRENT_ACTIVATION]
    waited = [answer for answer in answers if isinstance(answer, ActivationState)]
    assert len(refused) + len(waited) == 200
    assert {answer.status for answer in waited} == {ACTIVE}
    assert town.yclients.salons == [1001]


async def test_fifty_salons_at_once_are_activated_once_each(town: Town) -> None:
    salons = list(range(1001, 1051))
    town.salons.register(*salons)
    for salon in salons:
        await town.whatsapp.connected(session_id_of(SalonId(salon)), PHONE)
        tell(town, salon)

    answers = await asyncio.gather(*(town.ask(salon % 2, salon) for salon in salons))

    assert {getattr(answer, "status", answer) for answer in answers} == {ACTIVE}
    assert sorted(town.yclients.salons) == salons


async def test_a_second_request_is_refused_only_while_the_first_waits(town: Town) -> None:
    town.salons.register(1001)
    town.yclients.hold = asyncio.Event()
    await town.whatsapp.connected(session_id_of(SalonId(1001)), PHONE)
    first = asyncio.create_task(town.ask(0, 1001))
    await town.settled(lambda: town.yclients.salons == [1001], "YClients is called")

    assert await town.ask(1, 1001) is ErrorCode.CONCURRENT_ACTIVATION

    town.yclients.hold.set()
    answer = await first
    assert isinstance(answer, ActivationState)
    assert answer.status is ACTIVE
    again = await town.ask(1, 1001)
    assert isinstance(again, ActivationState)
    assert town.yclients.salons == [1001]


async def test_whoever_asks_may_leave_and_the_activation_goes_on(town: Town) -> None:
    town.salons.register(1001)
    town.yclients.hold = asyncio.Event()
    await town.whatsapp.connected(session_id_of(SalonId(1001)), PHONE)
    asking = asyncio.create_task(town.ask(0, 1001))
    await town.settled(lambda: town.yclients.salons == [1001], "YClients is called")

    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    town.yclients.hold.set()

    await town.settled(lambda: town.salons.statuses() == {1001: "active"}, "the salon is active")


async def test_a_salon_without_whatsapp_is_pending_and_not_sent(town: Town) -> None:
    town.salons.register(1001)

    answer = await town.ask(0, 1001)

    assert isinstance(answer, ActivationState)
    assert answer.status is IntegrationStatus.PENDING_WHATSAPP
    assert town.yclients.salons == []


async def test_an_uninstalled_or_unknown_salon_is_not_found(town: Town) -> None:
    town.salons.register(1001)
    town.salons.run("UPDATE companies SET integration_status = 'uninstalled'")

    assert await town.ask(0, 1001) is ErrorCode.REGISTRATION_NOT_FOUND
    assert await town.ask(0, 1002) is ErrorCode.REGISTRATION_NOT_FOUND


async def test_a_refused_salon_is_told_so_and_tried_again_when_due(town: Town) -> None:
    town.salons.register(1001)
    town.yclients.calls = [RefusedError("invalid", status=422), None]
    tell(town, 1001)
    await town.settled(
        lambda: town.salons.statuses() == {1001: "activation_failed"}, "it has failed"
    )
    answer = await town.ask(0, 1001)
    assert isinstance(answer, ActivationState)
    assert (answer.status, answer.reason) == (IntegrationStatus.ACTIVATION_FAILED, "invalid")

    await town.due_now()

    await town.settled(lambda: town.salons.statuses() == {1001: "active"}, "the salon is active")
    assert len(town.yclients.salons) == 2
    assert len(set(town.yclients.activated)) == 2


async def test_an_unclear_end_is_cleared_up_with_the_same_key(town: Town) -> None:
    town.salons.register(1001)
    town.yclients.calls = [AmbiguousError("timeout"), None]
    town.yclients.statuses = [AmbiguousError("timeout"), "pending", "active"]
    tell(town, 1001)
    await town.settled(
        lambda: town.salons.statuses() == {1001: "activation_pending"}, "it is unclear"
    )

    await town.due_now()

    await town.settled(lambda: town.salons.statuses() == {1001: "active"}, "the salon is active")
    assert len(town.yclients.activated) == 2
    assert len(set(town.yclients.activated)) == 1


async def test_a_logged_out_salon_is_written_down(town: Town) -> None:
    town.salons.register(1001)
    tell(town, 1001)
    await town.settled(lambda: town.salons.statuses() == {1001: "active"}, "the salon is active")

    for process in town.processes:
        process.recorder.take(Logout(company_id=session_id_of(SalonId(1001))))

    await town.settled(
        lambda: not town.salons.run("SELECT 1 FROM companies WHERE whatsapp_connected"),
        "it is noted",
    )
    assert town.salons.statuses() == {1001: "active"}
