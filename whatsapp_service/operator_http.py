"""The small HTTP port for operators: health and metrics. The API process never calls it."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.bus.connection import BusError
from shared.bus.publisher import Publisher
from shared.db import Pool, measure_latency_ms
from shared.phone import mask_phone
from whatsapp_service.sessions.session import Session
from whatsapp_service.sessions.supervisor import Supervisor

CHECK_S = 2.0


class OperatorHttp:
    """Routes over the running parts of the process; builds no adapters."""

    def __init__(
        self, supervisor: Supervisor, publisher: Publisher, redis: Redis, database: Pool
    ) -> None:
        self._supervisor = supervisor
        self._publisher = publisher
        self._redis = redis
        self._database = database
        self._started = time.monotonic()
        self.app = Starlette(
            routes=[Route("/health", self._health), Route("/metrics", self._metrics)]
        )

    async def _health(self, _request: Request) -> JSONResponse:
        """200 ``ok``; 503 ``error`` while Redis or Postgres is away. Numbers are masked."""
        redis_ok, latency_ms = await asyncio.gather(
            self._redis_answers(), measure_latency_ms(self._database, CHECK_S)
        )
        healthy = redis_ok and latency_ms is not None
        body = {
            "status": "ok" if healthy else "error",
            "service": "whatsapp-service",
            "timestamp": datetime.now(UTC).isoformat(),
            "uptime": round(time.monotonic() - self._started, 1),
            "checks": {
                "redis": "ok" if redis_ok else "error",
                "database": "ok" if latency_ms is not None else "error",
                "eventsWaiting": self._publisher.waiting,
            },
            "sessions": {session.session_id: _describe(session) for session in self._supervisor},
        }
        return JSONResponse(body, status_code=200 if healthy else 503)

    async def _metrics(self, _request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def _redis_answers(self) -> bool:
        try:
            async with asyncio.timeout(CHECK_S):
                return bool(await self._redis.ping())
        except (BusError, TimeoutError, OSError):
            return False


def _describe(session: Session) -> dict[str, Any]:
    state = session.state
    return {
        "status": state.status,
        "reason": state.reason,
        "connected": session.connected,
        "phoneNumber": mask_phone(state.phone) if state.phone else None,
        "messagesSent": 0,
        "errors": session.errors,
        "changedAt": _iso(session.changed_at),
        "lastEventAt": _iso(session.last_event_at),
    }


def _iso(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat()
