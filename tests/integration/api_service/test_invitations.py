"""An owner whose link has ended for good is invited to link again, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from structlog.testing import capture_logs

from api_service.core.activations import Activations
from api_service.core.link_recorder import LinkRecorder
from api_service.store.activations import IntegrationStatus, Settlement
from shared.bus.connection import connect_redis
from shared.bus.snapshots import PresentState, Snapshots
from shared.company_id import SalonId, SessionId
from shared.db import Pool, make_pool, pool_use
from shared.endings import ENDINGS
from shared.lifecycle import background_tasks
from shared.messages.events import AnySessionEvent, Connected, Disconnected, Logout
from shared.messages.status import Reason, SessionStatus
from tests.support.admin_world import rows
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import WhatsAppSide, whatsapp_side

SALON, SESSION, PHONE = 1001, SessionId("company_1001"), "79990000001"


class NoActivations(Activations):
    def __init__(self) -> None:
        """Nothing is activated."""

    def attempt(self, salon_id: SalonId) -> asyncio.Task[Settlement | None]:
        raise AssertionError(salon_id)

    async def tell(self, salon_id: SalonId, status: IntegrationStatus) -> None:
        assert (salon_id, status) == (SALON, IntegrationStatus.ACTIVE)


@dataclass(frozen=True)
class Town:
    """Two API processes that write down what they hear of one salon."""

    database_url: str
    recorders: list[LinkRecorder]
    whatsapp: WhatsAppSide

    def hear(self, event: AnySessionEvent) -> None:
        for recorder in self.recorders:
            recorder.take(event)

    def invitations(self) -> list[str]:
        found = rows(
            self.database_url,
            "SELECT event_data FROM marketplace_events WHERE event_type = 'relink_invited'",
        )
        return [row["event_data"]["reason"] for row in found]

    def linked(self) -> bool:
        [row] = rows(self.database_url, "SELECT whatsapp_connected FROM companies")
        return bool(row["whatsapp_connected"])

    async def written(self, *, linked: bool) -> None:
        await wait_until(lambda: self.linked() == linked, what=f"linked: {linked}")
        await wait_until(lambda: not any(recorder.waiting for recorder in self.recorders))

    async def ends(self, reason: Reason) -> None:
        lost: AnySessionEvent
        if ENDINGS[reason].status is SessionStatus.LOGGED_OUT:
            lost = Logout(company_id=SESSION, reason=reason)
        else:
            lost = Disconnected(company_id=SESSION, reason=reason)
        self.hear(lost)
        await self.written(linked=False)


@pytest_asyncio.fixture
async def town(database_url: str, redis_url: str) -> AsyncIterator[Town]:
    rows(
        database_url,
        "INSERT INTO companies (yclients_id, integration_status, installation, whatsapp_connected)"
        " VALUES (%s, 'active', 1, true)",
        SALON,
    )
    async with AsyncExitStack() as stack:
        whatsapp = await stack.enter_async_context(whatsapp_side(redis_url))
        recorders = []
        for _ in range(2):
            redis, pool = connect_redis(redis_url), make_pool(database_url, 4, "test")
            stack.push_async_callback(redis.aclose)
            await stack.enter_async_context(pool)
            recorder = LinkRecorder(pool, Snapshots(redis), NoActivations())
            tasks = await stack.enter_async_context(background_tasks())
            tasks.start(recorder.run(), "recorder")
            recorders.append(recorder)
        yield Town(database_url, recorders, whatsapp)


@pytest.mark.parametrize("reason", [ending.reason for ending in ENDINGS.values() if ending.invites])
async def test_each_end_for_good_invites_once_though_every_process_hears_of_it(
    town: Town, reason: Reason
) -> None:
    await town.ends(reason)
    town.hear(Logout(company_id=SESSION, reason=reason))
    await town.written(linked=False)

    assert town.invitations() == [reason]


async def test_the_next_ending_invites_again(town: Town) -> None:
    await town.ends(Reason.DEVICE_REMOVED)
    town.hear(Connected(company_id=SESSION, phone_number=PHONE))
    await town.written(linked=True)

    await town.ends(Reason.REPLACED)

    assert town.invitations() == [Reason.DEVICE_REMOVED, Reason.REPLACED]


async def test_who_unlinks_is_not_invited_nor_is_a_link_that_comes_back_by_itself(
    town: Town,
) -> None:
    town.hear(Disconnected(company_id=SESSION, reason=Reason.TEMPORARY_BAN))
    town.hear(Disconnected(company_id=SESSION, reason=Reason.SOCKET_LOST))
    town.hear(Logout(company_id=SESSION, reason=Reason.UNLINKED))
    await town.written(linked=False)

    assert town.invitations() == []


async def test_what_ended_while_no_process_was_there_is_found_once(town: Town) -> None:
    await town.whatsapp.status(SESSION, SessionStatus.REPLACED, reason=Reason.REPLACED)

    await asyncio.gather(*(recorder._look_for_endings() for recorder in town.recorders))

    assert town.invitations() == [Reason.REPLACED]
    assert not town.linked()


async def test_a_first_link_that_came_and_went_while_no_process_was_there_invites_once(
    town: Town,
) -> None:
    rows(town.database_url, "UPDATE companies SET whatsapp_connected = NULL RETURNING id")
    await town.whatsapp.status(SESSION, SessionStatus.LOGGED_OUT, reason=Reason.DEVICE_REMOVED)

    await asyncio.gather(*(recorder._look_for_endings() for recorder in town.recorders))
    await town.recorders[0]._look_for_endings()

    assert town.invitations() == [Reason.DEVICE_REMOVED]
    assert not town.linked()


async def test_a_failed_link_attempt_is_no_ending(town: Town) -> None:
    await town.whatsapp.status(SESSION, SessionStatus.ERROR, reason=Reason.REFUSED)

    await town.recorders[0]._look_for_endings()

    assert town.invitations() == []


class Asked(Snapshots):
    """Notes how many connections to Postgres were held while Redis was asked."""

    def __init__(self, redis: Redis, pool: Pool) -> None:
        super().__init__(redis)
        self._pool = pool
        self.held: list[int] = []

    async def present_state(self, session_id: SessionId) -> PresentState:
        self.held.append(pool_use(self._pool).in_use)
        return await super().present_state(session_id)


async def test_no_connection_to_postgres_is_held_while_redis_is_asked(
    town: Town, redis_url: str
) -> None:
    await town.whatsapp.status(SESSION, SessionStatus.REPLACED, reason=Reason.REPLACED)
    redis = connect_redis(redis_url)
    async with make_pool(town.database_url, 1, "test") as pool:
        snapshots = Asked(redis, pool)
        await LinkRecorder(pool, snapshots, NoActivations())._look_for_endings()
    await redis.aclose()

    assert snapshots.held == [0]
    assert town.invitations() == [Reason.REPLACED]


async def test_looks_that_come_to_nothing_are_said(town: Town) -> None:
    away = connect_redis("redis://127.0.0.1:9/0")
    async with make_pool(town.database_url, 1, "test") as pool:
        recorder = LinkRecorder(pool, Snapshots(away), NoActivations())
        rows(town.database_url, "UPDATE companies SET whatsapp_connected = false RETURNING id")
        with capture_logs() as logs:
            await recorder._look()
            await recorder._look_for_endings()
    await away.aclose()

    said = [line["event"] for line in logs if line["log_level"] == "warning"]
    assert said == ["links_not_looked_at", "endings_not_looked_for"]
