"""What Postgres refuses of the notifications that Redis kept: real Postgres, a real Redis."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import psycopg
import pytest
import pytest_asyncio
from psycopg.sql import SQL, Identifier
from redis.asyncio import Redis

from api_service import policies
from api_service.core.entity_hooks import EntityHooks
from api_service.core.kept_later import REFUSALS, KeptLater
from api_service.core.limits import Limits
from api_service.core.vault import Vault
from api_service.core.webhook_intake import WebhookIntake
from api_service.store.kept_notifications import KeptNotifications
from api_service.store.webhook_marks import WebhookMarks
from shared.bus import keys
from shared.bus.connection import connect_redis
from shared.db import POOL_TIMEOUT_S, Pool, make_pool
from tests.support.api import JWT_SECRET, api_settings
from tests.support.salon_rows import SalonRows
from tests.support.services import PostgresServer
from tests.support.waiting import PATIENCE_S

BAD, GOOD, BETTER = 1001, 1002, 1003
KEPT: Final = keys.WEBHOOKS_KEPT
ASIDE: Final = keys.set_aside(KEPT)
REFUSED: Final = f"CHECK (salon_id <> {BAD}) NOT VALID"


@dataclass(frozen=True)
class Place:
    salons: SalonRows
    pool: Pool
    redis: Redis
    kept: KeptNotifications
    later: KeptLater
    hints: KeptNotifications
    hints_later: KeptLater

    async def keep(self, *salons: int) -> None:
        """An uninstall of each, as it is kept while Postgres is away."""
        for salon in salons:
            assert await self.kept.keep(kept_text(salon))

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            await self.later.look()

    async def lengths(self) -> tuple[int, int, int]:
        """Kept, set aside, and how many have been refused so far."""
        return (
            await self.redis.xlen(KEPT),
            await self.redis.xlen(ASIDE),
            await self.redis.hlen(keys.refusals(KEPT)),
        )

    def refuse(self, table: str = "marketplace_webhooks", check: str = REFUSED) -> None:
        self.salons.run(f"ALTER TABLE {table} ADD CONSTRAINT refused {check}")

    def take(self, table: str = "marketplace_webhooks") -> None:
        self.salons.run(f"ALTER TABLE {table} DROP CONSTRAINT refused")

    def stored(self) -> list[int]:
        rows = self.salons.run("SELECT salon_id FROM marketplace_webhooks ORDER BY id")
        return [row["salon_id"] for row in rows]


def kept_text(salon: int) -> str:
    return json.dumps(
        {
            "webhook_id": f"of-{salon}",
            "salon_id": salon,
            "event_type": "uninstall",
            "payload": {},
            "received_at": datetime.now(UTC).isoformat(),
        }
    )


@pytest_asyncio.fixture
async def place(database_url: str, redis_url: str) -> AsyncIterator[Place]:
    settings = api_settings(database_url, redis_url)
    async with contextlib.AsyncExitStack() as stack:
        redis, pool = connect_redis(redis_url), make_pool(database_url, 4, "test")
        stack.push_async_callback(redis.aclose)
        await stack.enter_async_context(pool)
        await pool.wait(PATIENCE_S)
        storage, policy = policies.limit_storage(redis), policies.limit_policy(settings)
        kept = KeptNotifications(redis, KEPT, keys.WEBHOOKS_KEPT_MAX_LENGTH)
        hints = KeptNotifications(redis, keys.HINTS_KEPT, keys.HINTS_KEPT_MAX_LENGTH)
        limits = Limits(storage, policy, JWT_SECRET)
        intake = WebhookIntake(pool, WebhookMarks(redis), kept, limits, _nothing, 1.0)
        hooks = EntityHooks(pool, Vault(settings.vault_keys), hints, 1.0)
        yield Place(
            SalonRows(database_url),
            pool,
            redis,
            kept,
            KeptLater("webhooks", kept, intake, again_s=0.0),
            hints,
            KeptLater("hints", hints, hooks, again_s=0.0),
        )


def _nothing() -> None:
    """Nobody carries them out here."""


async def test_one_that_postgres_refuses_holds_nothing_up_and_is_set_aside(place: Place) -> None:
    place.refuse()
    await place.keep(BAD, GOOD)

    await place.look()

    assert place.stored() == [GOOD]
    assert await place.lengths() == (1, 0, 1)
    await place.keep(BETTER)
    await place.look(REFUSALS - 2)
    assert place.stored() == [GOOD, BETTER]
    assert await place.lengths() == (1, 0, 1)
    await place.look()
    assert await place.lengths() == (0, 1, 0)
    [aside] = await place.kept.aside.oldest(10)
    assert (json.loads(aside.text)["salon_id"], aside.reason) == (BAD, "CheckViolation")


async def test_between_two_tries_it_rests_and_the_others_go(place: Place) -> None:
    place.refuse()
    patient = KeptLater("webhooks", place.kept, place.later._store)
    await place.keep(BAD)
    for salon in (GOOD, BETTER):
        await patient.look()
        await place.keep(salon)
    await patient.look()

    assert place.stored() == [GOOD, BETTER]
    assert await place.redis.hvals(keys.refusals(KEPT)) == ["1"]


async def test_what_was_set_aside_is_stored_when_postgres_takes_it(place: Place) -> None:
    """An uninstall comes true also when no operator looks."""
    place.refuse()
    await place.keep(BAD)
    await place.look(REFUSALS)
    assert await place.lengths() == (0, 1, 0)
    place.take()
    place.later._aside_again_at = 0.0  # an hour has passed

    await place.look()

    assert place.stored() == [BAD]
    assert await place.lengths() == (0, 0, 0)


async def test_a_trouble_that_passes_counts_nothing_and_is_over_at_the_next_look(
    place: Place,
) -> None:
    """A row that somebody else holds, say: the others go."""
    place.salons.run(
        "CREATE FUNCTION not_now() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF NEW.salon_id = {BAD} THEN RAISE lock_not_available; END IF; RETURN NEW; END $$"
    )
    place.salons.run(
        "CREATE TRIGGER not_now BEFORE INSERT ON marketplace_webhooks"
        " FOR EACH ROW EXECUTE FUNCTION not_now()"
    )
    await place.keep(BAD, GOOD)

    await place.look(REFUSALS + 1)

    assert place.stored() == [GOOD]
    assert await place.lengths() == (1, 0, 0)
    place.salons.run("DROP TRIGGER not_now ON marketplace_webhooks")
    await place.look()
    assert place.stored() == [GOOD, BAD]


async def test_a_postgres_that_is_away_or_read_only_is_nobodys_fault(
    place: Place, postgres_server: PostgresServer
) -> None:
    place.refuse()
    await place.keep(BAD, GOOD)
    name = place.salons.database_url.rpartition("/")[2].partition("?")[0]
    for off, on in (
        ("SET default_transaction_read_only = on", "RESET default_transaction_read_only"),
        ("ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true"),
    ):
        postgres_server.run(SQL("ALTER DATABASE {} " + off), name)
        place.salons.cut_all_connections(postgres_server.url())
        place.pool.timeout = 1.0  # nothing comes of waiting
        for _ in range(REFUSALS + 1 if "read_only" in off else 1):
            with pytest.raises((psycopg.Error, TimeoutError)):
                await place.look()
        postgres_server.run(SQL("ALTER DATABASE {} " + on), name)
        assert await place.lengths() == (2, 0, 0)
    place.salons.cut_all_connections(postgres_server.url())
    place.pool.timeout = POOL_TIMEOUT_S

    await place.look()

    assert place.stored() == [GOOD]


async def test_a_postgres_that_refuses_everything_is_nobodys_fault(place: Place) -> None:
    """A migration that is not through, say."""
    place.refuse(check="CHECK (false) NOT VALID")
    await place.keep(BAD, GOOD)

    for _ in range(REFUSALS + 1):
        with pytest.raises(psycopg.errors.CheckViolation):
            await place.look()

    assert await place.lengths() == (2, 0, 0)
    place.take()
    await place.look()
    assert place.stored() == [BAD, GOOD]


async def test_when_no_more_can_be_set_aside_it_stays_and_holds_nothing_up(place: Place) -> None:
    place.refuse()
    async with place.redis.pipeline() as pipeline:
        for _ in range(keys.SET_ASIDE_MAX_LENGTH):
            pipeline.xadd(ASIDE, {"notification": kept_text(BAD), "reason": "CheckViolation"})
        await pipeline.execute()
    place.later._aside_again_at = float("inf")
    await place.keep(BAD, GOOD)

    await place.look(REFUSALS + 2)

    assert place.stored() == [GOOD]
    assert (await place.lengths())[:2] == (1, keys.SET_ASIDE_MAX_LENGTH)


async def test_news_of_records_are_set_aside_alike(place: Place) -> None:
    place.refuse("entity_hints")
    for salon in (BAD, GOOD):
        fields = {"resource": "record", "resource_id": "5", "status": "", "changed_at": None}
        hint = {"salon_id": salon, **fields}
        assert await place.hints.keep(json.dumps({"digest": None, "hint": hint}))

    for _ in range(REFUSALS):
        await place.hints_later.look()

    hints = place.salons.run("SELECT salon_id FROM entity_hints")
    assert [row["salon_id"] for row in hints] == [GOOD]
    assert await place.hints.waiting() == 0
    assert await place.hints.aside.waiting() == 1


async def test_probes_leave_nothing(place: Place) -> None:
    await place.later._store.take_probe()
    await place.hints_later._store.take_probe()

    for table in ("marketplace_webhooks", "entity_hints"):
        statement = SQL("SELECT 1 FROM {}").format(Identifier(table)).as_string()
        assert place.salons.run(statement) == []
