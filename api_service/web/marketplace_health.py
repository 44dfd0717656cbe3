"""Whether salons can be linked now; details for those who hold the token."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from api_service.core.breaker import Breaker
from api_service.core.health import Check, Health, HealthChecks, iso
from api_service.settings import ApiSettings
from api_service.store.breaker_record import BreakerState
from api_service.web.answers import json_answer
from api_service.web.bearer import bearer_of, same_secret
from shared.bus.connection import BusError
from shared.clock import now_ms


class MarketplaceHealth:
    """200 ``ok`` or ``degraded``; 503 ``error`` without the database or with settings missing."""

    def __init__(self, settings: ApiSettings, checks: HealthChecks, qr_breaker: Breaker) -> None:
        self._settings = settings
        self._checks = checks
        self._qr_breaker = qr_breaker

    @property
    def routes(self) -> list[BaseRoute]:
        return [Route("/marketplace/health", self._health)]

    async def _health(self, request: Request) -> JSONResponse:
        database, redis = await asyncio.gather(self._checks.database(), self._checks.redis())
        breaker = await self._breaker_state(redis)
        warnings = self._warnings(database, redis, breaker)
        if database.status is Health.ERROR or self._settings.missing:
            status, status_code = "error", 503
        else:
            status, status_code = ("degraded" if warnings else "ok"), 200
        body: dict[str, Any] = {"status": status, "timestamp": iso(now_ms())}
        expected = self._settings.health_check_token.get_secret_value()
        if same_secret(bearer_of(request), expected):
            body |= self._details(database, redis, breaker) | {"warnings": warnings}
        return json_answer(body, status_code)

    def _details(
        self, database: Check, redis: Check, breaker: BreakerState | None
    ) -> dict[str, Any]:
        return {
            "environment": self._settings.configured,
            "dependencies": {
                "postgres": database.status.value,
                "redis": redis.status.value,
            },
            "services": {
                "database_connected": database.detail["connected"],
                "database_latency_ms": database.detail["latencyMs"],
                "redis_connected": redis.detail["connected"],
                "redis_latency_ms": redis.detail["latencyMs"],
            },
            "circuitBreakers": {
                "qrGeneration": {"state": breaker.value if breaker else "unknown"},
            },
            "featureFlags": {"qrLinking": True, "pairingCode": True},
        }

    def _warnings(self, database: Check, redis: Check, breaker: BreakerState | None) -> list[str]:
        return [
            *(f"{name} is not set" for name in self._settings.missing),
            *(["the database does not answer"] if database.status is Health.ERROR else []),
            *(["Redis does not answer"] if redis.status is Health.ERROR else []),
            *(
                ["the QR breaker is not closed"]
                if breaker not in {BreakerState.CLOSED, None}
                else []
            ),
        ]

    async def _breaker_state(self, redis: Check) -> BreakerState | None:
        if redis.status is Health.ERROR:
            return None
        try:
            return await self._qr_breaker.state()
        except (BusError, OSError):
            return None
