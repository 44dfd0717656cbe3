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
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from api_service import policies
from api_service.activation_parts import ActivationParts
from api_service.admin_parts import AdminNeeds, AdminParts
from api_service.core.activity import Activity
from api_service.core.breaker import Breaker
from api_service.core.code_linking import CodeLinking
from api_service.core.connection_check import ConnectionCheck
from api_service.core.health import HealthChecks
from api_service.core.limits import Limits
from api_service.core.linking import SessionLine
from api_service.core.marketplace_state import MarketplaceWatch
from api_service.core.outcomes import Outcomes
from api_service.core.owners import Owners
from api_service.core.qr_linking import QrLinking
from api_service.core.registration import Registrar
from api_service.core.session_orders import SessionOrders
from api_service.core.session_report import SessionReport
from api_service.core.standing import Standing
from api_service.core.thawing import Thawing
from api_service.core.tokens import Tokens
from api_service.core.unlinking import Unlinking
from api_service.incoming_parts import IncomingParts
from api_service.realtime.activation_board import ActivationBoard
from api_service.realtime.connections import Connections
from api_service.realtime.gate import Gate
from api_service.realtime.idle_sockets import IdleSockets
from api_service.realtime.namespace import Desk, OnboardingNamespace
from api_service.realtime.origins import AllowedOrigins
from api_service.realtime.relay import Relay
from api_service.realtime.server import PATH, make_server, release, rooms
from api_service.settings import ApiSettings
from api_service.store.breaker_record import BreakerRecord
from api_service.store.call_budget import CallBudget
from api_service.store.expiring_lock import ExpiringLock
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
from shared.bus import keys
from shared.bus.activation_news import activation_listener
from shared.bus.commands import CommandSender
from shared.bus.connection import connect_redis
from shared.bus.durability import DurabilityWatch
from shared.bus.heartbeat import Heartbeats
from shared.bus.listener import ChannelListener
from shared.bus.ping import RoundTrips
from shared.bus.snapshots import Snapshots
from shared.bus.subscriber import EventSubscriber
from shared.bus.vitals import Vitals
from shared.db import Pool, make_pool
from shared.inventory import Inventory
from shared.lifecycle import BackgroundTasks
from shared.messages.events import AnySessionEvent

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
        self.activity = Activity()
        self.owners = Owners(Heartbeats(self.redis))
        self.snapshots = Snapshots(self.redis, self.owners.lost)
        self.round_trips = RoundTrips(self.redis)
        self.vitals = Vitals(self.redis, lasting=settings.production)
        self.checks = HealthChecks(self.vitals, self.round_trips, self.database, self.activity)
        self.tokens = Tokens(settings.jwt_secret.get_secret_value())
        self.standing = Standing(self.database)
        self._link()
        self._reach_yclients()
        self.activation = ActivationParts(
            settings, self.database, self.redis, self.snapshots, self.yclients
        )
        self.incoming = IncomingParts(
            settings, self.database, self.redis, self.yclients, self.orders, self.limits
        )
        self._connect_pages()
        self.sessions = SessionReport(self.snapshots)
        self.breakers = {"qrGeneration": self.qr_breaker, "yclients": self.yclients_breaker}
        self.admin = AdminParts(
            settings.admin_token.get_secret_value(),
            AdminNeeds(
                self.database,
                self.limits,
                self.sessions,
                self.breakers,
                self.yclients,
                self.tokens,
                settings.public_url,
                self.incoming.queue.wake,
            ),
        )

    def _link(self) -> None:
        settings = self.settings
        self.outcomes = Outcomes()
        line = SessionLine(self.owners, CommandSender(self.redis), self.outcomes)
        self.limits = Limits(
            policies.limit_storage(self.redis),
            policies.limit_policy(settings),
            settings.jwt_secret.get_secret_value(),
        )
        record = BreakerRecord(self.redis, "qr-generation", policies.qr_breaker_policy(settings))
        self.qr_breaker = Breaker(record)
        self.qr_linking = QrLinking(self.snapshots, line, self.qr_breaker, settings.qr_deadline_s)
        self.code_linking = CodeLinking(
            self.snapshots,
            line,
            ExpiringLock(self.redis, keys.pairing_lock),
            self.limits,
            settings.code_deadline_s,
        )

        self.orders = SessionOrders(line)
        self.unlinking = Unlinking(self.orders)
        self.thawing = Thawing(self.orders)

    def _reach_yclients(self) -> None:
        settings = self.settings
        record = BreakerRecord(self.redis, "yclients", policies.yclients_breaker_policy(settings))
        self.yclients_breaker = Breaker(record)
        budget = CallBudget(self.redis, policies.call_budget_policy(settings))
        self.yclients = Yclients(policies.yclients_access(settings), budget, record)

    def _connect_pages(self) -> None:
        settings = self.settings
        self.connections = Connections()
        self.sockets = make_server(
            AllowedOrigins(
                settings.cors_origins,
                public_url=settings.public_url,
                loopback=not settings.production,
            )
        )
        self.relay = Relay(
            self.sockets,
            self.connections,
            self.snapshots,
            self.outcomes,
            self.owners,
            self.activity,
        )
        self.board = ActivationBoard(self.sockets, self.connections, self.standing)
        self.activation_news = activation_listener(
            self.redis, self.board.take, on_subscribed=self.board.resync
        )
        self.events = EventSubscriber(self.redis, self._take, on_caught_up=self.relay.resync)
        desk = Desk(
            self.tokens,
            self.limits,
            self.connections,
            self.relay,
            self.qr_linking,
            self.code_linking,
            self.unlinking,
            self.standing,
            self.board,
        )
        self.sockets.register_namespace(OnboardingNamespace(desk))

    def routes(self) -> list[BaseRoute]:
        settings = self.settings
        pages = Pages(settings.page_dir, settings.frame_ancestors)
        registrar = Registrar(
            self.database,
            self.tokens,
            settings.yclients_partner_token.get_secret_value(),
            ConnectionCheck(self.yclients),
            self.thawing,
            strict=settings.require_pending_connection,
        )
        engine = socketio.ASGIApp(self.sockets, socketio_path=PATH)
        watch = MarketplaceWatch(self.checks, self.database, self.breakers)
        routes: list[BaseRoute] = []
        routes += [
            *Redirect(registrar, pages, self.activation.activations.wake).routes,
            *Onboarding(self.tokens, pages).routes,
            *LinkingApi(self.tokens, self.qr_linking, self.snapshots, self.standing).routes,
            *self.incoming.routes,
            *ActivationApi(self.activation.requests).routes,
            *HealthRoutes(self.checks, self.round_trips, self.sessions).routes,
            *MarketplaceHealth(settings, watch, self.database, self.vitals).routes,
            *self.admin.routes,
            *metrics.routes(self._inventory()),
            *Assets(settings.page_dir).routes,
            *Reference(lambda: routes).routes,
            Mount(f"/{PATH}", Gate(engine)),
        ]
        return routes

    def _inventory(self) -> Inventory:
        inventory = Inventory()
        inventory.add_redis(self.redis)
        inventory.add_databases(self.database)
        inventory.add(
            "realtime_transports", "Open transports", lambda: len(self.sockets.eio.sockets)
        )
        inventory.add(
            "realtime_rooms", "Rooms, one of each page's own", lambda: rooms(self.sockets)
        )
        inventory.add(
            "realtime_tasks", "Requests and timers of pages", lambda: self.connections.tasks
        )
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
            lambda: self.outcomes.waiting,
        )
        return inventory

    async def _take(self, event: AnySessionEvent) -> None:
        self.activation.recorder.take(event)
        await self.relay.take(event)

    async def _owners_changed(self, returned: bool) -> None:
        """What failed because no WhatsApp process was there says nothing about the one there is."""
        if returned:
            await self.qr_breaker.reset()
            await self.incoming.queue.sessions_are_back()
        await self.relay.owners_changed()

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        await self.database.open(wait=False)
        self.tasks.start(self.round_trips.run(), "round trips")
        self.tasks.start(self.events.run(), "events")
        durability = DurabilityWatch(self.redis, required=self.settings.production)
        self.tasks.start(durability.run(), "redis durability")
        self.tasks.start(self.activation_news.run(), "activation news")
        self.tasks.start(self.owners.run(self._owners_changed), "owners")
        self.activation.start(self.tasks)
        self.incoming.start(self.tasks)
        self.tasks.start(IdleSockets(self.sockets).run(), "idle sockets")
        _log.info("api_started")
        try:
            yield
        finally:
            await self.connections.close()
            await self.sockets.shutdown()
            await self.tasks.stop()
            await self.yclients.close()
            await self.database.close()
            await self.redis.aclose()
            _log.info("api_stopped")


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
        parts.sockets,
        parts.connections,
        parts.outcomes,
        (parts.events.listener, parts.activation_news),
    )
