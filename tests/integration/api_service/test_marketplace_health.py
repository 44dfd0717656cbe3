"""/marketplace/health: what it tells, and that it tells it in time."""

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psutil
import psycopg
import pytest

from api_service.core import health
from api_service.core.activity import Activity
from api_service.core.health import Check, Health, HealthChecks
from api_service.core.marketplace_state import MarketplaceState
from api_service.settings import ApiSettings
from api_service.store.breaker_record import BreakerState
from sandbox.services import postgres, valkey
from sandbox.services.ports import free_port
from shared.bus.connection import connect_redis
from shared.bus.ping import RoundTrips
from shared.bus.vitals import Vitals
from shared.db import make_pool
from shared.db_migrations import apply_migrations
from tests.support.admin_world import rows
from tests.support.api import HEALTH_TOKEN, RunningApi, api_settings, running_api
from tests.support.own_servers import OwnServer, own_postgres, own_valkey
from tests.support.places import open_folder
from tests.support.waiting import block_until, wait_until

DETAILS = {"Authorization": f"Bearer {HEALTH_TOKEN}"}
LIMIT_S = 8.0
"""Two steps of 2 s each, on a busy machine. Without a deadline of its own a statement has 10 s."""


async def test_it_tells_pools_breakers_flags_and_what_waits(
    api: RunningApi, database_url: str
) -> None:
    for number, status in enumerate(["activation_failed", "activation_pending", "active"]):
        rows(
            database_url,
            "INSERT INTO companies (yclients_id, integration_status, activation_reason)"
            " VALUES (%s, %s, %s)",
            1000 + number,
            status,
            "crashed" if status == "activation_pending" else "invalid",
        )
    rows(
        database_url,
        "INSERT INTO marketplace_webhooks (webhook_id, idempotency_key, salon_id, event_type,"
        " installation, source, state, received_at, due_at) VALUES ('w', 'w', 1000, 'freeze', 0,"
        " 'webhook', 'queued', now() - interval '400 s', now() + interval '1 hour')",
    )
    rows(
        database_url,
        "UPDATE marketplace_reconciliation SET finished_at = '2026-03-01 10:00:00+00', checked = 7",
    )

    body = await wait_until(lambda: all_told(api))

    assert body["status"] == "degraded"
    assert body["pools"]["postgres"]["limit"] == 10
    assert body["pools"]["postgres"]["size"] >= 1
    assert body["pools"]["redis"]["inUse"] >= 1
    assert body["circuitBreakers"] == {
        "qrGeneration": {"state": "closed"},
        "yclients": {"state": "closed"},
    }
    assert body["featureFlags"] == {
        "qrLinking": True,
        "pairingCode": True,
        "use_transaction_activation": False,
        "activation_rollout_percent": 100,
        "skip_yclients_callback": False,
        "require_pending_connection": True,
    }
    assert body["activations"]["byStatus"] == {"activation_failed": 1, "activation_pending": 1}
    assert body["activations"]["pending"] == 2
    assert body["activations"]["crashed"] == 1
    assert body["webhooks"]["queued"] == 1
    assert 400 <= body["webhooks"]["oldestQueuedSeconds"] < 460
    assert body["reconciliation"]["finishedAt"].startswith("2026-03-01T")
    assert body["reconciliation"]["checked"] == 7
    # A busy machine may be told to be slow, too.
    told = [warning for warning in body["warnings"] if not warning.endswith("answers slowly")]
    assert told == ["activations crash", "a webhook waits for long"]


async def all_told(api: RunningApi) -> dict[str, Any]:
    """Empty while something was not answered in time."""
    body: dict[str, Any] = (await api.http.get("/marketplace/health", headers=DETAILS)).json()
    states = [it["state"] for it in body["circuitBreakers"].values()]
    return body if body["activations"] is not None and "unknown" not in states else {}


async def test_a_pool_that_is_used_up_is_seen(settings: ApiSettings, database_url: str) -> None:
    narrow = settings.model_copy(update={"database_pool_size": 2})
    async with running_api(narrow) as api:
        with psycopg.connect(database_url) as locker:
            locker.execute("LOCK TABLE companies IN ACCESS EXCLUSIVE MODE")
            asked = await asyncio.gather(
                *(api.http.get("/marketplace/health", headers=DETAILS) for _ in range(6))
            )
            locker.rollback()

    uses = [answer.json()["pools"]["postgres"] for answer in asked]
    assert max(use["inUse"] for use in uses) == 2
    assert all(answer.elapsed.total_seconds() < LIMIT_S for answer in asked)


@pytest.mark.parametrize(
    ("database_ms", "redis_ms", "warnings"),
    [
        (1000.0, 100.0, []),
        (1000.1, 1.0, ["the database answers slowly"]),
        (1.0, 100.1, ["Redis answers slowly"]),
    ],
)
def test_slowness_is_warned_of(database_ms: float, redis_ms: float, warnings: list[str]) -> None:
    def reached(latency_ms: float) -> Check:
        return Check(Health.OK, {"connected": True, "latencyMs": latency_ms})

    state = MarketplaceState(
        reached(database_ms), reached(redis_ms), {"yclients": BreakerState.CLOSED}, None
    )

    assert state.warnings == warnings


class Deaf(Vitals):
    """Waits on after its deadline: redis-py may have dropped the cancellation."""

    async def latency_ms(self, timeout_s: float = 2.0) -> float | None:
        waiting = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await waiting.wait()
        await waiting.wait()
        return None


async def test_a_check_that_goes_on_after_its_deadline_is_not_waited_for(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_S", 0.1)
    async with contextlib.aclosing(connect_redis(redis_url)) as redis:
        checks = HealthChecks(
            Deaf(redis, lasting=False),
            RoundTrips(redis),
            make_pool(database_url, 1, "test"),
            Activity(),
        )
        found = await asyncio.wait_for(checks.redis(), LIMIT_S)

    assert (found.status, found.detail["connected"]) == (Health.ERROR, False)


@contextlib.contextmanager
def stopped(server: OwnServer) -> Iterator[None]:
    """It keeps its connections and answers nothing, with all its children."""
    process = psutil.Process(server.server.pid)
    os.kill(process.pid, signal.SIGSTOP)
    block_until(lambda: process.status() == psutil.STATUS_STOPPED)  # it has no more children now
    family = [process, *process.children(recursive=True)]
    for member in family:
        os.kill(member.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for member in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGCONT)


@pytest.fixture
async def database() -> AsyncIterator[tuple[OwnServer, str]]:
    with open_folder("postgres") as folder:
        setup = postgres.PostgresSetup(
            folder / "postgres", free_port(), secrets.token_hex(8), settings=postgres.DISPOSABLE
        )
        server = own_postgres(setup)
        await server.start()
        await asyncio.to_thread(apply_migrations, setup.url("postgres"))
        yield server, setup.url("postgres")
        await server.stop()


@pytest.fixture
async def redis() -> AsyncIterator[tuple[OwnServer, str]]:
    with open_folder("valkey") as folder:
        setup = valkey.ValkeySetup(folder / "valkey", free_port(), settings=valkey.DISPOSABLE)
        server = own_valkey(setup)
        await server.start()
        yield server, setup.url()
        await server.stop()


async def test_every_check_ends_in_time_when_postgres_and_redis_hang(
    database: tuple[OwnServer, str], redis: tuple[OwnServer, str]
) -> None:
    async with running_api(api_settings(database[1], redis[1])) as api:
        for hung in ([database[0]], [redis[0]], [database[0], redis[0]]):
            await wait_until(lambda: all_told(api), what="all is well again")
            with contextlib.ExitStack() as stack:
                for server in hung:
                    stack.enter_context(stopped(server))
                answers = await asyncio.gather(
                    *(_asked(api, path) for path in ("/marketplace/health", "/health"))
                )
            details, seconds = answers[0]
            assert seconds < LIMIT_S
            assert answers[1][1] < LIMIT_S
            services = details["services"]
            assert services["database_connected"] is (database[0] not in hung)
            assert services["redis_connected"] is (redis[0] not in hung)
            breaker = details["circuitBreakers"]["yclients"]["state"]
            assert breaker == ("unknown" if redis[0] in hung else "closed")
            assert (details["webhooks"] is None) is (database[0] in hung)


async def _asked(api: RunningApi, path: str) -> tuple[Any, float]:
    started = time.perf_counter()
    answer = await api.http.get(path, headers=DETAILS)
    return answer.json(), time.perf_counter() - started
