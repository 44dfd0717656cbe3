"""The composition root: every adapter is built here and handed on as an argument."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from api_service.core.activity import Activity
from api_service.core.breaker import Breaker
from api_service.core.health import HealthChecks
from api_service.core.session_report import SessionReport
from api_service.settings import ApiSettings
from api_service.store.breaker_record import BreakerPolicy, BreakerRecord
from api_service.web import metrics
from api_service.web.assets import Assets
from api_service.web.errors import HANDLED, answer_error, answer_http_exception
from api_service.web.health import HealthRoutes
from api_service.web.marketplace_health import MarketplaceHealth
from shared.bus.connection import connect_redis
from shared.bus.ping import RoundTrips
from shared.bus.snapshots import Snapshots
from shared.bus.vitals import Vitals
from shared.db import make_pool
from shared.lifecycle import BackgroundTasks

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Application:
    """``asgi`` is served; ``tasks.failed`` says that it cannot go on and must be started again."""

    asgi: ASGIApp
    tasks: BackgroundTasks

    async def release_sockets(self) -> None:
        """Let pages go, so that they come back to another process."""


def build_app(settings: ApiSettings) -> Application:
    redis = connect_redis(settings.redis_url.get_secret_value())
    database = make_pool(
        settings.database_url.get_secret_value(), settings.database_pool_size, "api-service"
    )
    tasks = BackgroundTasks()
    activity = Activity()
    round_trips = RoundTrips(redis)
    checks = HealthChecks(Vitals(redis), round_trips, database, activity)
    qr_breaker = Breaker(BreakerRecord(redis, "qr-generation", _breaker_policy(settings)))

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await database.open(wait=False)
        tasks.start(round_trips.run(), "round trips")
        _log.info("api_started")
        try:
            yield
        finally:
            await tasks.stop()
            await database.close()
            await redis.aclose()
            _log.info("api_stopped")

    app = Starlette(
        routes=[
            *HealthRoutes(checks, round_trips, SessionReport(Snapshots(redis))).routes,
            *MarketplaceHealth(settings, checks, qr_breaker).routes,
            *metrics.routes(),
            *Assets(settings.page_dir).routes,
        ],
        lifespan=lifespan,
        middleware=[Middleware(metrics.MeasureRequests)],
        exception_handlers={
            **dict.fromkeys(HANDLED, answer_error),
            HTTPException: answer_http_exception,
            Exception: answer_error,
        },
    )
    return Application(app, tasks)


def _breaker_policy(settings: ApiSettings) -> BreakerPolicy:
    return BreakerPolicy(
        failures=settings.breaker_failures,
        successes=settings.breaker_successes,
        cool_down_s=settings.breaker_cool_down_s,
        operation_s=settings.breaker_operation_s,
    )
