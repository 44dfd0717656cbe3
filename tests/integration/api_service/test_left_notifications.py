"""When a notification that killed processes have left may be taken up again. Real Postgres."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from api_service.store.webhooks import (
    FIRST_RETRY_S,
    LEFT_AT_ONCE,
    LONGEST_RETRY_S,
    Received,
    claim_webhook,
    end_old_claims,
    receive_webhook,
)
from shared.company_id import SalonId
from shared.db import Connection, Pool, in_transaction, make_pool
from tests.support.salons import Salons

NOTIFICATION = Received(
    "wh_1", "1001:freeze:1", SalonId(1001), "freeze", 1, {}, datetime(2026, 1, 1, tzinfo=UTC)
)


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with make_pool(database_url, 2, "test") as opened:
        yield opened


@pytest.fixture
def salons(database_url: str) -> Salons:
    return Salons(database_url)


async def taken_and_left(pool: Pool, salons: Salons) -> float:
    """A process takes it and is killed. In how many seconds it is due again."""
    salons.run("UPDATE marketplace_webhooks SET due_at = now() WHERE due_at > now()")
    async with pool.connection() as connection:
        assert await claim_webhook(connection) is not None
    salons.run("UPDATE marketplace_webhooks SET claim_ends_at = now()")
    return await in_transaction(pool, _taken_over)


async def _taken_over(connection: Connection) -> float:
    assert await end_old_claims(connection) == 1
    cursor = await connection.execute(
        "SELECT extract(epoch FROM due_at - now()) AS waits_s FROM marketplace_webhooks"
    )
    row = await cursor.fetchone()
    assert row is not None
    return float(row["waits_s"])


async def test_what_costs_process_after_process_its_life_waits_longer_each_time(
    pool: Pool, salons: Salons
) -> None:
    async with pool.connection() as connection:
        await receive_webhook(connection, NOTIFICATION)

    waits = [await taken_and_left(pool, salons) for _ in range(LEFT_AT_ONCE + 14)]

    assert all(wait <= 0 for wait in waits[:LEFT_AT_ONCE])
    later = [min(LONGEST_RETRY_S, FIRST_RETRY_S * 2**n) for n in range(14)]
    assert waits[LEFT_AT_ONCE:] == later
    async with pool.connection() as connection:
        assert await claim_webhook(connection) is None


async def test_a_claim_that_has_not_ended_is_left_alone(pool: Pool) -> None:
    async with pool.connection() as connection:
        await receive_webhook(connection, NOTIFICATION)
        assert await claim_webhook(connection) is not None

        assert await end_old_claims(connection) == 0
        assert await claim_webhook(connection) is None
