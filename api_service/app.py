"""The composition root: every adapter is built here and handed on as an argument."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import socketio
import structlog
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from api_service import policies
from api_service.activation_parts import ActivationParts
from api_service.admin_parts import AdminNeeds, AdminParts
from api_service.core.activity import Activity
from api_service.core.breaker import Breaker
from api_service.core.connection_check import ConnectionCheck
from api_service.core.health import HealthChecks
from api_service.core.marketplace_state import MarketplaceWatch
from api_service.core.outcomes import Outcomes
from api_service.core.registration import Registrar
from api_service.core.session_report import SessionReport
from api_service.core.standing import Standing
from api_service.core.tokens import Tokens
from api_service.incoming_parts import IncomingParts
from api_service.linking_parts import LinkingParts
from api_service.page_parts import PageNeeds, PageParts
from api_service.realtime.connections import Connections
from api_service.realtime.server import release
from api_service.settings import ApiSettings
from api_service.store.breaker_record import BreakerRecord
from api_service.store.call_budget import CallBudget
from api_service.web import metrics
from api_service.web.activation import ActivationApi
from api_service.web.assets import Assets
from api_service.web.errors import HANDLED, answer_error, answer_http_exception
from api_service.web.health import HealthRoutes
from api_service.web.linking_api import LinkingApi
from api_service.web.marketplace_health import MarketplaceHealth
from api_service.web.onboarding import Onboarding
from api_service.web.openapi.page import Reference
from api_service.web.pages import Pages
from api_service.web.redirect import Redirect
from api_service.yclients.client import Yclients
from shared.bus.connection import connect_redis
from shared.bus.durability import DurabilityWatch
from shared.bus.listener import ChannelListener
from shared.bus.ping import RoundTrips
from shared.bus.vitals import Vitals
from shared.db import Pool, make_pool
from shared.inventory import Inventory
from shared.lifecycle import BackgroundTasks

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Application:
    """``asgi`` is served; ``tasks.failed`` says that it cannot go on and must be started again.

    ``listeners``: what pages are told comes by them.
    """

    asgi: ASGIApp
    tasks: BackgroundTasks
    sockets: socketio.AsyncServer
    connections: Connections
    outcomes: Outcomes
    listeners: tuple[ChannelListener, ...]

    async def release_sockets(self) -> None:
        """Let pages go, so that they come back to another process."""
        await release(self.sockets)


class _Parts:
    """Everything that the process is made of, in the order in which it is needed."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self.tasks = BackgroundTasks()
        self.redis: Redis = connect_redis(settings.redis_url.get_secret_value())
        self.database: Pool = make_pool(
            settings.database_url.get_secret_value(), settings.database_pool_size, "api-service"
        )
        activity = Activity()
        self.round_trips = RoundTrips(self.redis)
        self.vitals = Vitals(self.redis, lasting=settings.production)
        self.checks = HealthChecks(self.vitals, self.round_trips, self.database, activity)
        self.tokens = Tokens(settings.jwt_secret.get_secret_value())
        self.standing = Standing(self.database)
        self.linking = LinkingParts(settings, self.redis)
        self._reach_yclients()
        self.activation = ActivationParts(
            settings, self.database, self.redis, self.linking.snapshots, self.yclients
        )
        self.incoming = IncomingParts(
            settings,
            self.database,
            self.redis,
            self.yclients,
            self.linking.orders,
            self.linking.limits,
        )
        note = self.activation.recorder.take
        needs = PageNeeds(self.tokens, self.linking, self.standing, activity, note)
        self.pages = PageParts(settings, self.redis, needs)
        self.sessions = SessionReport(self.linking.snapshots)
        self.breakers = {"qrGeneration": self.linking.breaker, "yclients": self.yclients_breaker}
        self.admin = AdminParts(
            settings.admin_token.get_secret_value(),
            AdminNeeds(
                self.database,
                self.linking.limits,
                self.sessions,
                self.breakers,
                self.yclients,
                self.tokens,
                settings.public_url,
                self.incoming.queue.wake,
                self.incoming.kept_webhooks,
            ),
        )

    def _reach_yclients(self) -> None:
        settings = self.settings
        record = BreakerRecord(self.redis, "yclients", policies.yclients_breaker_policy(settings))
        self.yclients_breaker = Breaker(record)
        budget = CallBudget(self.redis, policies.call_budget_policy(settings))
        self.yclients = Yclients(policies.yclients_access(settings), budget, record)

    def routes(self) -> list[BaseRoute]:
        settings, linking = self.settings, self.linking
        pages = Pages(settings.page_dir, settings.frame_ancestors)
        registrar = Registrar(
            self.database,
            self.tokens,
            settings.yclients_partner_token.get_secret_value(),
            ConnectionCheck(self.yclients),
            linking.thawing,
            strict=settings.require_pending_connection,
        )
        watch = MarketplaceWatch(self.checks, self.database, self.breakers, self.incoming.kept)
        routes: list[BaseRoute] = []
        routes += [
            *Redirect(registrar, pages, self.activation.activations.wake).routes,
            *Onboarding(self.tokens, pages).routes,
            *LinkingApi(self.tokens, linking.qr_linking, linking.snapshots, self.standing).routes,
            *self.incoming.routes,
            *ActivationApi(self.activation.requests).routes,
            *HealthRoutes(self.checks, self.round_trips, self.sessions).routes,
            *MarketplaceHealth(settings, watch, self.database, self.vitals).routes,
            *self.admin.routes,
            *metrics.routes(self._inventory()),
            *Assets(settings.page_dir).routes,
            *Reference(lambda: routes).routes,
            self.pages.mount,
        ]
        return routes

    def _inventory(self) -> Inventory:
        inventory = Inventory()
        inventory.add_redis(self.redis)
        inventory.add_databases(self.database)
        self.pages.count(inventory)
        inventory.add(
            "activations_in_hand",
            "Activations that this process is making",
            lambda: self.activation.activations.at_work,
        )
        inventory.add(
            "webhooks_in_hand",
            "Notifications that this process is carrying out",
            lambda: self.incoming.queue.at_work,
        )
        inventory.add(
            "links_unrecorded",
            "Salons whose newest word is not written down yet",
            lambda: self.activation.recorder.waiting,
        )
        inventory.add(
            "requests_waiting",
            "Requests that wait for an answer of a session",
            lambda: self.linking.outcomes.waiting,
        )
        return inventory

    async def _owners_changed(self, returned: bool) -> None:
        """What failed because no WhatsApp process was there says nothing about the one there is."""
        if returned:
            await self.linking.breaker.reset()
            await self.incoming.queue.sessions_are_back()
        await self.pages.relay.owners_changed()

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Whatever fails on the way, in or out, everything that was opened is closed."""
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(_log.info, "api_stopped")
            for close in (
                self.redis.aclose,
                self.database.close,
                self.yclients.close,
                self.tasks.stop,
                self.pages.close,
            ):
                stack.push_async_callback(close)
            await self.database.open(wait=False)
            self._start()
            _log.info("api_started")
            yield

    def _start(self) -> None:
        tasks = self.tasks
        tasks.start(self.round_trips.run(), "round trips")
        durability = DurabilityWatch(self.redis, required=self.settings.production)
        tasks.start(durability.run(), "redis durability")
        self.pages.start(tasks)
        tasks.start(self.linking.owners.run(self._owners_changed), "owners")
        self.activation.start(tasks)
        self.incoming.start(tasks)


def build_app(settings: ApiSettings) -> Application:
    parts = _Parts(settings)
    asgi = Starlette(
        routes=parts.routes(),
        lifespan=parts.lifespan,
        middleware=[Middleware(metrics.MeasureRequests)],
        exception_handlers={
            **dict.fromkeys(HANDLED, answer_error),
            HTTPException: answer_http_exception,
            Exception: answer_error,
        },
    )
    asgi.router.redirect_slashes = False
    return Application(
        asgi,
        parts.tasks,
        parts.pages.sockets,
        parts.pages.connections,
        parts.linking.outcomes,
        parts.pages.listeners,
    )
