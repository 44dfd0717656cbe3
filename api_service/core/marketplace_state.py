"""How the marketplace stands, for those who watch. Nothing here raises, and all of it ends in time.

Two steps, each within `CHECK_S`: whether Postgres and Redis answer, and what is in them. What does
not answer in the first is not asked in the second.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api_service.core.breaker import Breaker
from api_service.core.health import CHECK_S, Check, Health, HealthChecks
from api_service.store.breaker_record import BreakerState
from api_service.store.kept_notifications import KeptNotifications
from api_service.store.marketplace_figures import (
    ActivationFigures,
    Reconciliation,
    activation_figures,
    last_reconciliation,
)
from api_service.store.webhooks import WebhookFigures, webhook_figures
from shared.bus.connection import BusError
from shared.bus.durability import ADVICE
from shared.db import DatabaseError, Pool, within

SLOW_DATABASE_MS: Final = 1_000
SLOW_REDIS_MS: Final = 100
LATE_ACTIVATION_S: Final = 300
OLD_WEBHOOK_S: Final = 300


@dataclass(frozen=True, slots=True)
class MarketplaceState:
    """None where it could not be asked for: of a breaker, or all figures."""

    database: Check
    redis: Check
    breakers: Mapping[str, BreakerState | None]
    figures: "Figures | None"
    kept: "KeptFigures | None" = None

    @property
    def warnings(self) -> list[str]:
        return [
            *_of_latency("the database", self.database, SLOW_DATABASE_MS),
            *_of_latency("Redis", self.redis, SLOW_REDIS_MS),
            *([f"Redis forgets: {ADVICE}"] if self.redis.status is Health.WARNING else []),
            *(
                f"the {_SPOKEN.get(name, name)} breaker is not closed"
                for name, state in self.breakers.items()
                if state not in {BreakerState.CLOSED, None}
            ),
            *self._of_figures(),
            *(["notifications were set aside"] if self.kept and self.kept.set_aside else []),
        ]

    def _of_figures(self) -> list[str]:
        figures = self.figures
        if figures is None:
            return []
        waited_s = figures.webhooks.oldest_queued_s or 0
        return [
            *(
                ["activations are due and not made"]
                if figures.activations.late_s > LATE_ACTIVATION_S
                else []
            ),
            *(["activations crash"] if figures.activations.crashed else []),
            *(["a webhook waits for long"] if waited_s > OLD_WEBHOOK_S else []),
            *(["webhooks have failed"] if figures.webhooks.failed else []),
        ]


@dataclass(frozen=True, slots=True)
class Figures:
    """What is in Postgres, as one look at it has found it."""

    activations: ActivationFigures
    webhooks: WebhookFigures
    reconciliation: Reconciliation


@dataclass(frozen=True, slots=True)
class KeptFigures:
    """Notifications that only Redis has; ``set_aside``: because Postgres refuses them."""

    waiting: int
    set_aside: int


_SPOKEN: Final = {"qrGeneration": "QR", "yclients": "YClients"}


class MarketplaceWatch:
    """``breakers``: by their names on the wire."""

    def __init__(
        self,
        checks: HealthChecks,
        database: Pool,
        breakers: Mapping[str, Breaker],
        kept: Sequence[KeptNotifications],
    ) -> None:
        self._checks = checks
        self._database = database
        self._breakers = breakers
        self._kept = kept

    async def look(self) -> MarketplaceState:
        database, redis = await asyncio.gather(self._checks.database(), self._checks.redis())
        breakers, figures, kept = await asyncio.gather(
            self._breaker_states(redis), self._figures(database), self._kept_figures(redis)
        )
        return MarketplaceState(database, redis, breakers, figures, kept)

    async def _breaker_states(self, redis: Check) -> dict[str, BreakerState | None]:
        if redis.status is Health.ERROR:
            return dict.fromkeys(self._breakers)
        try:
            return await within(CHECK_S, self._read_breakers())
        except (BusError, OSError, TimeoutError):
            return dict.fromkeys(self._breakers)

    async def _read_breakers(self) -> dict[str, BreakerState | None]:
        return {name: await breaker.state() for name, breaker in self._breakers.items()}

    async def _kept_figures(self, redis: Check) -> KeptFigures | None:
        if redis.status is Health.ERROR:
            return None
        try:
            return await within(CHECK_S, self._read_kept())
        except (BusError, OSError, TimeoutError):
            return None

    async def _read_kept(self) -> KeptFigures:
        return KeptFigures(
            sum([await kept.waiting() for kept in self._kept]),
            sum([await kept.aside.waiting() for kept in self._kept]),
        )

    async def _figures(self, database: Check) -> Figures | None:
        if database.status is Health.ERROR:
            return None
        try:
            return await within(CHECK_S, self._read_figures())
        except (DatabaseError, TimeoutError):
            return None

    async def _read_figures(self) -> Figures:
        async with self._database.connection(timeout=CHECK_S) as connection:
            return Figures(
                await activation_figures(connection),
                await webhook_figures(connection),
                await last_reconciliation(connection),
            )


def _of_latency(name: str, check: Check, slow_ms: float) -> list[str]:
    if check.status is Health.ERROR:
        return [f"{name} does not answer"]
    slow = check.detail["latencyMs"] > slow_ms
    return [f"{name} answers slowly"] if slow else []
