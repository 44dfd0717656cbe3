"""An attempt that a fault of ours ends is counted, told, and tried again later and later."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
import pytest_asyncio

from api_service.activation_parts import ActivationParts
from api_service.core.activation import AFTER_REFUSAL_S
from shared.bus.connection import connect_redis
from shared.bus.snapshots import Snapshots
from shared.db import make_pool
from shared.lifecycle import BackgroundTasks, background_tasks
from tests.support.answering_yclients import AnsweringYclients
from tests.support.api import api_settings
from tests.support.salons import Salons
from tests.support.sentry import sentry_events
from tests.support.waiting import wait_until

SALON: Final = 1001
REFUSE: Final = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE check_violation USING MESSAGE = 'not this one'; END $$
"""


class FaultyYclients(AnsweringYclients):
    """``faulty``: it fails as no YClients does, but a client with a fault would."""

    faulty = True

    async def activate(self, *given: Any, **named: Any) -> None:
        await super().activate(*given, **named)
        if self.faulty:
            raise LookupError("nobody has thought of this")


@dataclass(frozen=True)
class Town:
    salons: Salons
    parts: ActivationParts
    tasks: BackgroundTasks

    def start(self) -> None:
        self.parts.start(self.tasks)

    async def ended(self, attempts: int) -> dict[str, Any]:
        """The salon's row, after so many attempts."""

        def over() -> bool:
            row = self.salons.row(SALON)
            ended = row["integration_status"] not in {"activating", "pending_whatsapp"}
            return ended and row["activation_failures"] == attempts

        await wait_until(over, 20, f"attempt {attempts} is over")
        return self.salons.row(SALON)

    async def again(self) -> None:
        """Not in the event loop: an attempt in it may hold the row."""
        await asyncio.to_thread(self.salons.time_passes)
        self.parts.activations.wake()

    def pause_s(self) -> float:
        """From the end of the last attempt, whenever somebody looks."""
        [row] = self.salons.run(
            "SELECT EXTRACT(EPOCH FROM activation_due_at - updated_at)::float8 AS pause_s"
            " FROM companies WHERE yclients_id = %s",
            SALON,
        )
        return float(row["pause_s"])


@pytest.fixture
def salons(database_url: str) -> Salons:
    """One that is linked, and due."""
    rows = Salons(database_url)
    rows.run(
        "INSERT INTO companies (yclients_id, integration_status, whatsapp_connected,"
        " activation_due_at, installation) VALUES (%s, 'pending_whatsapp', true, now(), 1)",
        SALON,
    )
    return rows


@pytest.fixture
def yclients() -> FaultyYclients:
    return FaultyYclients()


@pytest.fixture
def sentry() -> Iterator[list[Any]]:
    with sentry_events() as events:
        yield events


@pytest_asyncio.fixture(params=[True, False], ids=["step machine", "simple"])
async def town(
    request: pytest.FixtureRequest,
    salons: Salons,
    redis_url: str,
    yclients: FaultyYclients,
    sentry: list[Any],
) -> AsyncIterator[Town]:
    assert sentry == []
    settings = api_settings(
        salons.database_url, redis_url, use_transaction_activation=request.param
    )
    async with contextlib.AsyncExitStack() as stack:
        redis, pool = connect_redis(redis_url), make_pool(salons.database_url, 4, "test")
        stack.push_async_callback(redis.aclose)
        await stack.enter_async_context(pool)
        parts = ActivationParts(settings, pool, redis, Snapshots(redis), yclients)
        yield Town(salons, parts, await stack.enter_async_context(background_tasks()))


async def test_each_crash_is_counted_and_puts_the_next_attempt_off(
    town: Town, yclients: FaultyYclients, sentry: list[Any]
) -> None:
    yclients.statuses = ["pending"]
    town.start()

    for attempt, pause_s in enumerate((*AFTER_REFUSAL_S, AFTER_REFUSAL_S[-1]), start=1):
        row = await town.ended(attempt)
        assert (row["integration_status"], row["activation_reason"]) == (
            "activation_pending",
            "crashed",
        )
        assert pause_s * 0.89 <= town.pause_s() <= pause_s * 1.11
        assert row["api_key"] is not None
        assert len(sentry) == attempt
        if attempt <= len(AFTER_REFUSAL_S):
            await town.again()
    assert sentry[0]["tags"]["salon_id"] == str(SALON)
    assert sentry[0]["exception"]["values"][0]["type"] == "LookupError"
    told = town.salons.events(SALON, "activation_pending")
    assert told[0][1] | {"retry_in_s": 0} == {
        "activation_mode": told[0][1]["activation_mode"],
        "reason": "crashed",
        "key_kept": True,
        "retry_in_s": 0,
    }

    yclients.faulty, yclients.statuses = False, ["active"]
    await town.again()
    await town.ended(0)
    assert town.salons.statuses() == {SALON: "active"}
    assert len(set(yclients.activated)) == 1


async def test_what_postgres_alone_refuses_of_one_salon_is_a_crash_too(
    town: Town, yclients: FaultyYclients, sentry: list[Any]
) -> None:
    """Not a Postgres that is away: that one is waited for."""
    yclients.faulty = False
    town.salons.run(REFUSE)
    town.salons.run(
        "CREATE TRIGGER refuse BEFORE INSERT ON marketplace_events FOR EACH ROW"
        " WHEN (NEW.event_type = 'activation_sent') EXECUTE FUNCTION refuse()"
    )
    town.start()

    row = await town.ended(1)

    assert row["activation_reason"] == "crashed"
    assert yclients.activated == []
    assert len(sentry) == 1


async def test_attempts_that_end_without_a_word_are_put_off_from_the_third_on(
    town: Town, yclients: FaultyYclients, sentry: list[Any]
) -> None:
    """As an attempt does that ends its process: its claim is all that is left of it."""
    yclients.faulty = False
    town.salons.run(
        "UPDATE companies SET integration_status = 'activating', activation_interrupted = 2,"
        " activation_claim = gen_random_uuid(), activation_due_at = now()"
    )
    town.start()

    row = await town.ended(1)

    assert row["activation_reason"] == "interrupted"
    assert 53 <= town.pause_s() <= 67
    assert yclients.activated == []
    assert [event["level"] for event in sentry] == ["warning"]
    [(_, started)] = town.salons.events(SALON, "activation_started")
    assert started["interrupted"] == 3

    await town.again()

    await town.ended(0)
    assert town.salons.statuses() == {SALON: "active"}
    assert town.salons.row(SALON)["activation_interrupted"] == 0


async def test_an_attempt_that_was_cut_off_twice_is_made_at_once(
    town: Town, yclients: FaultyYclients, sentry: list[Any]
) -> None:
    """By two restarts, say."""
    yclients.faulty = False
    town.salons.run(
        "UPDATE companies SET integration_status = 'activating', activation_interrupted = 1,"
        " activation_claim = gen_random_uuid(), activation_due_at = now()"
    )
    town.start()

    await wait_until(lambda: town.salons.statuses() == {SALON: "active"}, 20)

    assert town.salons.row(SALON)["activation_interrupted"] == 0
    assert sentry == []
