"""One running API for the tests of the admin API, with a token of each role."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from psycopg.types.json import Jsonb
from redis import Redis

from api_service.core import kept_later
from api_service.core.admin.operators import hash_of, new_token
from api_service.store.admin_tokens import Role
from shared.bus import keys
from tests.support.api import RunningApi, api_settings, running_api
from tests.support.salons import Salons
from tests.support.scripted_yclients import ScriptedYclients, scripted_yclients
from tests.support.waiting import wait_until

ADMIN = "/marketplace/admin"
ASIDE = keys.set_aside(keys.WEBHOOKS_KEPT)


@dataclass(frozen=True)
class AdminWorld:
    """Tests that take it run in the module's event loop and use salons of their own."""

    api: RunningApi
    yclients: ScriptedYclients
    database_url: str
    redis_url: str
    tokens: Mapping[Role, str]

    async def get(self, path: str, role: Role = Role.ADMIN, **query: Any) -> httpx2.Response:
        return await self.api.http.get(f"{ADMIN}{path}", headers=self.bearer(role), params=query)

    async def post(
        self, path: str, body: object = None, role: Role = Role.MARKETPLACE_ADMIN
    ) -> httpx2.Response:
        return await self.api.http.post(f"{ADMIN}{path}", headers=self.bearer(role), json=body)

    def bearer(self, role: Role) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        return rows(self.database_url, statement, *values)

    def salon(self, salon_id: int, status: str = "active", **columns: object) -> int:
        """A salon of the test's own; its id."""
        given = {"yclients_id": salon_id, "integration_status": status, **columns}
        names, places = ", ".join(given), ", ".join(["%s"] * len(given))
        self.rows(f"INSERT INTO companies ({names}) VALUES ({places})", *given.values())  # noqa: S608 - columns of tests
        return salon_id

    def event(self, salon_id: int, event_type: str, data: dict[str, Any]) -> None:
        self.rows(
            "INSERT INTO marketplace_events (salon_id, event_type, event_data) VALUES (%s, %s, %s)",
            salon_id,
            event_type,
            Jsonb(data),
        )

    def webhook(self, webhook_id: str, salon_id: int, state: str) -> None:
        """A freeze of an installation that is over: carried out, it has no effect."""
        self.rows(
            "INSERT INTO marketplace_webhooks (webhook_id, idempotency_key, salon_id, event_type,"
            " installation, source, state) VALUES (%s, %s, %s, 'freeze', 0, 'webhook', %s)",
            webhook_id,
            webhook_id,
            salon_id,
            state,
        )

    def set_aside(self, salon_id: int, place: str = "*") -> str:
        """A freeze of a salon that nobody knows, which Postgres has refused; its place."""
        kept = {
            "webhook_id": f"aside-{salon_id}",
            "salon_id": salon_id,
            "event_type": "freeze",
            "payload": {},
            "received_at": datetime.now(UTC).isoformat(),
        }
        with Redis.from_url(self.redis_url, decode_responses=True) as redis:
            fields = {"notification": json.dumps(kept), "reason": "CheckViolation"}
            return str(redis.xadd(ASIDE, fields, id=place))

    def records(self, salon_id: int) -> list[dict[str, Any]]:
        """Of the audit, the oldest first."""
        return self.rows("SELECT * FROM admin_audit WHERE salon_id = %s ORDER BY id", salon_id)


def rows(database_url: str, statement: str, *values: object) -> list[dict[str, Any]]:
    return Salons(database_url).run(statement, *values)


def make_token(database_url: str, name: str, role: Role) -> str:
    token = new_token()
    rows(
        database_url,
        "INSERT INTO admin_tokens (name, role, token_hash) VALUES (%s, %s, %s)",
        name,
        role.value,
        hash_of(token),
    )
    return token


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin_world(module_database_url: str, valkey_url: str) -> AsyncIterator[AdminWorld]:
    tokens = {role: make_token(module_database_url, f"test-{role.value}", role) for role in Role}
    with Redis.from_url(valkey_url) as redis:
        redis.flushall()
        redis.xadd(ASIDE, {"notification": "makes no sense", "reason": "none"}, id="0-1")
    async with contextlib.AsyncExitStack() as world:
        yclients = await world.enter_async_context(scripted_yclients())
        settings = api_settings(
            module_database_url,
            valkey_url,
            yclients_url=yclients.url,
            admin_requests_per_minute=100_000,
        )
        with pytest.MonkeyPatch.context() as often:
            often.setattr(kept_later, "LOOK_EVERY_S", 0.1)
            api = await world.enter_async_context(running_api(settings))
            await _first_look(valkey_url)
        yield AdminWorld(api, yclients, module_database_url, valkey_url, tokens)


async def _first_look(redis_url: str) -> None:
    """A process that starts tries what was set aside, and might take what a test has.

    That is over when it looks again, and counts nothing there.
    """
    with Redis.from_url(redis_url) as redis:
        await wait_until(lambda: not redis.xlen(ASIDE), what="it looks at what is set aside")
        redis.delete(ASIDE)
        await wait_until(lambda: _counted() == 0, what="it looks again")


def _counted() -> float | None:
    return REGISTRY.get_sample_value("notifications_aside", {"what": "webhooks"})
