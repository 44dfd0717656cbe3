"""Whether salons can be linked now; details for those who hold the token."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from api_service.core.health import Health, iso
from api_service.core.marketplace_state import Figures, MarketplaceState, MarketplaceWatch
from api_service.settings import ApiSettings
from api_service.web.answers import json_answer
from api_service.web.bearer import bearer_of, same_secret
from api_service.web.marketplace_health_models import MarketplaceHealthTold
from api_service.web.openapi.operation import HEALTH_TOKEN, Answer, DocumentedRoute, Operation
from shared.bus.vitals import Vitals
from shared.clock import now_ms
from shared.db import Pool, pool_use

_OPERATION: Final = Operation(
    "Whether salons can be linked now",
    [
        Answer(200, "`ok`, or `degraded`: `warnings` say why.", MarketplaceHealthTold),
        Answer(503, "`error`: without Postgres, or settings missing.", MarketplaceHealthTold),
    ],
    "Health",
    "Everything but `status` and `timestamp` is for those who hold the token.",
    security=HEALTH_TOKEN,
    open_to_all=True,
)


class MarketplaceHealth:
    def __init__(
        self, settings: ApiSettings, watch: MarketplaceWatch, database: Pool, vitals: Vitals
    ) -> None:
        self._settings = settings
        self._watch = watch
        self._database = database
        self._vitals = vitals

    @property
    def routes(self) -> list[BaseRoute]:
        return [DocumentedRoute("/marketplace/health", self._health, _OPERATION)]

    async def _health(self, request: Request) -> JSONResponse:
        state = await self._watch.look()
        warnings = [*(f"{name} is not set" for name in self._settings.missing), *state.warnings]
        if state.database.status is Health.ERROR or self._settings.missing:
            status, status_code = "error", 503
        else:
            status, status_code = ("degraded" if warnings else "ok"), 200
        body: dict[str, Any] = {"status": status, "timestamp": iso(now_ms())}
        expected = self._settings.health_check_token.get_secret_value()
        if same_secret(bearer_of(request), expected):
            body |= self._details(state) | {"warnings": warnings}
        return json_answer(body, status_code)

    def _details(self, state: MarketplaceState) -> dict[str, Any]:
        return {
            "environment": self._settings.configured,
            "dependencies": {
                "postgres": state.database.status.value,
                "redis": state.redis.status.value,
            },
            "services": {
                "database_connected": state.database.detail["connected"],
                "database_latency_ms": state.database.detail["latencyMs"],
                "redis_connected": state.redis.detail["connected"],
                "redis_latency_ms": state.redis.detail["latencyMs"],
                "redis_append_only": state.redis.detail["appendOnly"],
            },
            "pools": self._pools(),
            "circuitBreakers": {
                name: {"state": breaker.value if breaker else "unknown"}
                for name, breaker in state.breakers.items()
            },
            "featureFlags": self._flags(),
            **_figures(state.figures),
            "kept": state.kept
            and {"waiting": state.kept.waiting, "setAside": state.kept.set_aside},
        }

    def _pools(self) -> dict[str, Any]:
        use = pool_use(self._database)
        return {
            "postgres": {
                "size": use.size,
                "inUse": use.in_use,
                "limit": use.limit,
                "waiting": use.waiting,
            },
            "redis": {
                "size": self._vitals.connections(),
                "inUse": self._vitals.connections_in_use(),
                "limit": self._vitals.connections_limit,
            },
        }

    def _flags(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "qrLinking": True,
            "pairingCode": True,
            "use_transaction_activation": settings.use_transaction_activation,
            "activation_rollout_percent": settings.activation_rollout_percent,
            "skip_yclients_callback": settings.skip_yclients_callback,
            "require_pending_connection": settings.require_pending_connection,
        }


def _figures(figures: Figures | None) -> dict[str, Any]:
    if figures is None:
        return {"activations": None, "webhooks": None, "reconciliation": None}
    activations, webhooks, last = figures.activations, figures.webhooks, figures.reconciliation
    oldest_s = webhooks.oldest_queued_s
    return {
        "activations": {
            "pending": sum(activations.by_status.values()),
            "byStatus": dict(sorted(activations.by_status.items())),
            "due": activations.due,
            "crashed": activations.crashed,
            "lateSeconds": round(activations.late_s, 1),
        },
        "webhooks": {
            "queued": webhooks.queued,
            "failed": webhooks.failed,
            "oldestQueuedSeconds": round(oldest_s, 1) if oldest_s is not None else None,
        },
        "reconciliation": {
            "finishedAt": last.finished_at.isoformat() if last.finished_at else None,
            "checked": last.checked,
            "repaired": last.repaired,
        },
    }
