"""The small HTTP port for operators: health and metrics. The API process never calls it."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.bus.publisher import Publisher
from shared.bus.vitals import Vitals
from shared.db import Pool, measure_latency_ms
from shared.inventory import Inventory
from shared.phone import mask_phone
from whatsapp_service.sessions.line_figures import count_lines, describe_line, iso
from whatsapp_service.sessions.linker_pool import LinkerPool
from whatsapp_service.sessions.session import Session
from whatsapp_service.sessions.supervisor import Supervisor

CHECK_S = 2.0


@dataclass(frozen=True, slots=True)
class Stores:
    """``prepared``: the library's tables are there."""

    database: Pool
    credentials: Pool
    prepared: asyncio.Event


class OperatorHttp:
    """Routes over the running parts of the process; builds no adapters."""

    def __init__(
        self,
        supervisor: Supervisor,
        publisher: Publisher,
        vitals: Vitals,
        stores: Stores,
        inventory: Inventory,
    ) -> None:
        self._supervisor = supervisor
        self._publisher = publisher
        self._vitals = vitals
        self._stores = stores
        self._inventory = inventory
        self._started = time.monotonic()
        self.app = Starlette(
            routes=[Route("/health", self._health), Route("/metrics", self._metrics)]
        )

    async def _health(self, _request: Request) -> JSONResponse:
        """200 ``ok``; 503 ``error`` while Redis, Postgres or the library's store is away.

        Numbers are masked. ``starting`` until the library's tables are there: no command is taken
        before. 200 ``warning`` when Redis would forget what it must not: starting again would not
        help.
        """
        redis_ms, latency_ms, store_ms, durability = await asyncio.gather(
            self._vitals.latency_ms(CHECK_S),
            measure_latency_ms(self._stores.database, CHECK_S),
            measure_latency_ms(self._stores.credentials, CHECK_S),
            self._vitals.durability(),
        )
        redis_ok = redis_ms is not None
        prepared = self._stores.prepared.is_set()
        store_lost = prepared and store_ms is None
        healthy = redis_ok and latency_ms is not None and not store_lost
        forgets = self._vitals.forgets(durability)
        well = ("warning" if forgets else "ok") if prepared else "starting"
        body = {
            "status": well if healthy else "error",
            "service": "whatsapp-service",
            "timestamp": datetime.now(UTC).isoformat(),
            "uptime": round(time.monotonic() - self._started, 1),
            "checks": {
                "redis": "ok" if redis_ok else "error",
                "redisAppendOnly": durability.append_only,
                "redisAppendFsync": durability.fsync,
                "database": "ok" if latency_ms is not None else "error",
                "credentialStore": _store_check(answers=store_ms is not None, prepared=prepared),
                "eventsWaiting": self._publisher.waiting,
            },
            "restoring": self._supervisor.restoring.describe(),
            "sessions": {session.session_id: _describe(session) for session in self._supervisor},
        }
        return JSONResponse(body, status_code=200 if healthy and prepared else 503)

    async def _metrics(self, _request: Request) -> Response:
        return Response(self._inventory.exposition(), media_type=CONTENT_TYPE_LATEST)


def _store_check(*, answers: bool, prepared: bool) -> str:
    if not prepared:
        return "not prepared"
    return "ok" if answers else "error"


def take_inventory(
    supervisor: Supervisor, linkers: LinkerPool, redis: Redis, *databases: Pool
) -> Inventory:
    """What an operator watches: nothing in it grows unless salons do."""
    inventory = Inventory()
    inventory.add_redis(redis)
    inventory.add_databases(*databases)
    inventory.add_each(
        "sessions",
        "Sessions in this process",
        "status",
        lambda: Counter(session.state.status.value for session in supervisor),
    )
    inventory.add_each(
        "sessions_by_reason",
        "Sessions in this process whose state has a reason",
        "reason",
        lambda: Counter(it.state.reason.value for it in supervisor if it.state.reason),
    )
    inventory.add(
        "session_timers",
        "Timers of sessions that are set",
        lambda: sum(len(session.timers) for session in supervisor),
    )
    inventory.add(
        "session_mailbox_depth",
        "Pieces of work that wait in the fullest mailbox",
        lambda: max((session.waiting for session in supervisor), default=0),
    )
    count_lines(inventory, supervisor)
    inventory.add("linkers_warm", "Linkers that wait to be used", lambda: linkers.warm)
    return inventory


def _describe(session: Session) -> dict[str, Any]:
    """``messagesSent``: the contract has it, and nothing sends messages yet."""
    state = session.state
    return {
        "status": state.status,
        "reason": state.reason,
        "retryAt": iso(state.retry_at / 1000 if state.retry_at else None),
        "connected": session.connected,
        "phoneNumber": mask_phone(state.phone) if state.phone else None,
        "messagesSent": 0,
        "errors": session.errors,
        "changedAt": iso(session.changed_at),
        **describe_line(session.line),
    }
