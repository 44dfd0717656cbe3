"""What /marketplace/health answers. Latencies are in milliseconds."""

from typing import Literal

from pydantic import BaseModel

from api_service.core.health import Health
from shared.bus.durability import Known


class Dependencies(BaseModel):
    postgres: Health
    redis: Health


class Services(BaseModel):
    database_connected: bool
    database_latency_ms: float | None
    redis_connected: bool
    redis_latency_ms: float | None
    redis_append_only: Known


class RedisPool(BaseModel):
    """Connections of this process."""

    size: int
    inUse: int  # noqa: N815 - names on the wire
    limit: int


class PostgresPool(RedisPool):
    """``waiting``: queries for a connection."""

    waiting: int


class Pools(BaseModel):
    postgres: PostgresPool
    redis: RedisPool


class BreakerTold(BaseModel):
    state: Literal["closed", "open", "half-open", "unknown"]


class FeatureFlags(BaseModel):
    qrLinking: bool  # noqa: N815
    pairingCode: bool  # noqa: N815
    use_transaction_activation: bool
    activation_rollout_percent: int
    skip_yclients_callback: bool
    require_pending_connection: bool


class ActivationsTold(BaseModel):
    """Salons that are not active yet. ``lateSeconds``: how long the first step has been due.

    ``crashed``: whose last attempt was ended by a fault of ours.
    """

    pending: int
    byStatus: dict[str, int]  # noqa: N815
    due: int
    crashed: int
    lateSeconds: float  # noqa: N815


class WebhooksTold(BaseModel):
    """Notifications of YClients that wait, and those that only an operator can help."""

    queued: int
    failed: int
    oldestQueuedSeconds: float | None  # noqa: N815


class KeptTold(BaseModel):
    """Notifications that only Redis has; ``setAside``: because Postgres refuses them."""

    waiting: int
    setAside: int  # noqa: N815


class ReconciliationTold(BaseModel):
    """The last comparison of all salons with YClients."""

    finishedAt: str | None  # noqa: N815
    checked: int
    repaired: int


class MarketplaceHealthTold(BaseModel):
    """None where Postgres could not be asked, or Redis for ``kept``."""

    status: Literal["ok", "degraded", "error"]
    timestamp: str
    environment: dict[str, bool] = {}
    dependencies: Dependencies | None = None
    services: Services | None = None
    pools: Pools | None = None
    circuitBreakers: dict[str, BreakerTold] = {}  # noqa: N815
    featureFlags: FeatureFlags | None = None  # noqa: N815
    activations: ActivationsTold | None = None
    webhooks: WebhooksTold | None = None
    kept: KeptTold | None = None
    reconciliation: ReconciliationTold | None = None
    warnings: list[str] = []
