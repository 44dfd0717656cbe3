"""Health of this process, of what it needs, and of the sessions."""

import asyncio
import time
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from api_service.core.health import CHECK_S, Check, Health, HealthChecks, iso, worst
from api_service.core.session_report import SessionReport
from api_service.web.answers import json_answer
from api_service.web.health_models import (
    CompanyHealth,
    Overall,
    PubsubAsked,
    PubsubFails,
    PubsubWorks,
    RedisPubsubFails,
    RedisPubsubWorks,
    WhatsAppHealth,
)
from api_service.web.openapi.operation import Answer, DocumentedRoute, Operation
from api_service.web.reading import read_query
from shared.bus.connection import BusError
from shared.bus.ping import NobodyAnsweredError, RoundTrips
from shared.clock import now_ms
from shared.errors import ErrorCode

SIMPLE_PUBSUB_S: Final = 2.0

_SUGGESTIONS: Final = {
    "timeout": "Check that the WhatsApp process is running and subscribed to whatsapp:events.",
    "error": "Check that Redis is running and that REDIS_URL is right.",
}


_TAG: Final = "Health"
_OVERALL: Final = Operation(
    "Health of this process and of what it needs",
    [
        Answer(200, "It works; `warning` says that not all does.", Overall),
        Answer(503, "Redis or Postgres is away.", Overall),
    ],
    _TAG,
)
_PUBSUB: Final = Operation(
    "A ping through the WhatsApp processes and back",
    [
        Answer(200, "It came back; `silent` names who did not answer.", PubsubWorks),
        Answer(503, "It did not, in time.", PubsubFails),
    ],
    _TAG,
    query=PubsubAsked,
    errors=(ErrorCode.INVALID_REQUEST,),
)
_PUBSUB_SIMPLE: Final = Operation(
    "A ping through Redis and back",
    [
        Answer(200, "It came back.", RedisPubsubWorks),
        Answer(503, "It did not, in time.", RedisPubsubFails),
    ],
    _TAG,
)
_WHATSAPP: Final = Operation(
    "The WhatsApp process, the credential store and sessions by status",
    [Answer(200, "`status` is the worst of them.", WhatsAppHealth)],
    _TAG,
    errors=(ErrorCode.SERVICE_UNAVAILABLE,),
)
_COMPANY: Final = Operation(
    "A salon's session",
    [Answer(200, "What is known of it.", CompanyHealth)],
    _TAG,
    path={"id": {"type": "string", "pattern": "^(company_)?[1-9][0-9]{0,14}$"}},
    errors=(
        ErrorCode.INVALID_SALON_ID,
        ErrorCode.INVALID_SESSION_ID,
        ErrorCode.NOT_FOUND,
        ErrorCode.SERVICE_UNAVAILABLE,
    ),
)


class HealthRoutes:
    def __init__(
        self, checks: HealthChecks, round_trips: RoundTrips, sessions: SessionReport
    ) -> None:
        self._checks = checks
        self._round_trips = round_trips
        self._sessions = sessions

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            DocumentedRoute("/health", self._overall, _OVERALL),
            DocumentedRoute("/health/pubsub", self._pubsub, _PUBSUB),
            DocumentedRoute("/health/pubsub/simple", self._pubsub_simple, _PUBSUB_SIMPLE),
            DocumentedRoute("/health/whatsapp", self._whatsapp, _WHATSAPP),
            DocumentedRoute("/health/company/{id}", self._company, _COMPANY),
        ]

    async def _overall(self, _request: Request) -> JSONResponse:
        checks = await self._checks.all()
        status = worst(list(checks.values()))
        body = {
            "status": status.value,
            "timestamp": iso(now_ms()),
            "uptime": round(self._checks.uptime_s, 1),
            "checks": {name: check.as_json() for name, check in checks.items()},
        }
        return json_answer(body, 503 if status is Health.ERROR else 200)

    async def _pubsub(self, request: Request) -> JSONResponse:
        timeout_ms = read_query(request, PubsubAsked).timeout
        started = time.perf_counter()
        try:
            trip = await self._round_trips.through_whatsapp_service(timeout_ms / 1000)
        except NobodyAnsweredError as error:
            fault = f"no pong within {timeout_ms} ms"
            return _unhealthy("pubsub", "timeout", fault, started, silent=list(error.silent))
        except (BusError, OSError, TimeoutError):
            return _unhealthy("pubsub", "error", "Redis is not reachable", started)
        return json_answer(
            {
                "status": "degraded" if trip.silent else "healthy",
                "pubsub": "working",
                "latencyMs": round(trip.latency_ms, 2),
                "testId": trip.test_id,
                "silent": list(trip.silent),
                "timestamp": iso(now_ms()),
            }
        )

    async def _pubsub_simple(self, _request: Request) -> JSONResponse:
        started = time.perf_counter()
        try:
            trip = await self._round_trips.through_redis(SIMPLE_PUBSUB_S)
        except TimeoutError:
            return _unhealthy("redis_pubsub", "timeout", "no answer from Redis in time", started)
        except (BusError, OSError):
            return _unhealthy("redis_pubsub", "error", "Redis is not reachable", started)
        return json_answer(
            {
                "status": "healthy",
                "redis_pubsub": "working",
                "latencyMs": round(trip.latency_ms, 2),
                "timestamp": iso(now_ms()),
            }
        )

    async def _whatsapp(self, _request: Request) -> JSONResponse:
        async with asyncio.timeout(CHECK_S + SIMPLE_PUBSUB_S):
            process, database, sessions = await asyncio.gather(
                self._checks.whatsapp(), self._checks.database(), self._sessions.overall()
            )
        store = _credential_store(process, database)
        body = {
            "status": worst([process, store]).value,
            "timestamp": iso(now_ms()),
            "process": process.as_json(),
            "credentialStore": {"type": "postgres", **store.as_json()},
            **sessions,
        }
        return json_answer(body)

    async def _company(self, request: Request) -> JSONResponse:
        """404 for a salon of which nothing is known."""
        report = await self._sessions.one(request.path_params["id"])
        return json_answer({**report, "timestamp": iso(now_ms())})


def _credential_store(process: Check, database: Check) -> Check:
    """Our own database, unless a WhatsApp process cannot reach its store: it may be another."""
    if process.detail["storeless"]:
        return Check(Health.ERROR, {"connected": False, "latencyMs": None})
    return database


def _unhealthy(subject: str, kind: str, error: str, started: float, **more: object) -> JSONResponse:
    body: dict[str, Any] = {
        "status": "unhealthy",
        subject: kind,
        "error": error,
        "latencyMs": round((time.perf_counter() - started) * 1000, 2),
        "timestamp": iso(now_ms()),
        "suggestion": _SUGGESTIONS[kind],
        **more,
    }
    return json_answer(body, 503)
