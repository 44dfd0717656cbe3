"""The composition root: builds every adapter, starts and stops everything in order."""

import asyncio
import contextlib
import socket
from typing import Final

import structlog
import uvicorn

from shared.bus.announcement import Announcer
from shared.bus.commands import CommandConsumer, CommandSender
from shared.bus.connection import BusError
from shared.bus.durability import DurabilityWatch
from shared.bus.heartbeat import Heartbeat, Heartbeats
from shared.bus.ping import PingResponder
from shared.bus.publisher import Publisher
from shared.bus.snapshots import Snapshots
from shared.bus.vitals import Vitals
from shared.http_server import Server
from shared.lifecycle import (
    BackgroundTasks,
    background_tasks,
    descriptor_limit,
    new_process_id,
    stop_on_signals,
)
from whatsapp_service.adapters import Adapters, open_adapters
from whatsapp_service.gateway.library import load_library, require_genuine_library
from whatsapp_service.gateway.linked_client import Gateway
from whatsapp_service.gateway.store_url import without_idle_connections
from whatsapp_service.operator_http import OperatorHttp, Stores, take_inventory
from whatsapp_service.owners.guard import EXIT_START_AGAIN, Guard, elapsed_s
from whatsapp_service.owners.hearts import Hearts
from whatsapp_service.owners.lease import Lease
from whatsapp_service.owners.machine import this_machine
from whatsapp_service.sessions.half_links import HalfLinks
from whatsapp_service.sessions.handover import Handover
from whatsapp_service.sessions.line_watch import LineWatch, WatchTimes
from whatsapp_service.sessions.linker_pool import LinkerPool
from whatsapp_service.sessions.orphans import Orphans
from whatsapp_service.sessions.phone_memory import PhoneMemory
from whatsapp_service.sessions.refusals import Refusals
from whatsapp_service.sessions.retirement import Retirement, choose_limit
from whatsapp_service.sessions.route_watch import watch_routes
from whatsapp_service.sessions.routes import Routes
from whatsapp_service.sessions.scouts import Scouts
from whatsapp_service.sessions.session import Services
from whatsapp_service.sessions.store_preparation import closes_idle_connections, prepare_store
from whatsapp_service.sessions.store_watch import StoreWatch
from whatsapp_service.sessions.supervisor import Supervisor
from whatsapp_service.sessions.tenancy import Tenancy
from whatsapp_service.settings import WhatsAppSettings
from whatsapp_service.store.directory import Directory
from whatsapp_service.store.registry import Registry

_log = structlog.get_logger(__name__)

FLUSH_S: Final = 3.0


async def run(settings: WhatsAppSettings, listener: socket.socket) -> int:
    """Until SIGINT or SIGTERM, then 0.

    Any other status means that a supervisor is to start us again: 1, a background task died; 75, we
    have retired.
    """
    stop = stop_on_signals()
    if settings.production:
        require_genuine_library()
    async with open_adapters(settings) as adapters:
        process = Process(settings, adapters)
        async with background_tasks() as publishing, background_tasks() as working:
            process.start(publishing, working, listener)
            _log.info("whatsapp_service_started", process_id=process.process_id)
            retires = process.retirement.due
            await _first_of(stop, retires, working.failed, publishing.failed)
            _log.info("whatsapp_service_stopping")
            if stop.is_set() or retires.is_set():
                await process.tenancy.leave(settings.hand_over_timeout_s)
            try:
                async with asyncio.timeout(settings.shutdown_timeout_s):
                    await working.stop()
                    await process.say_goodbye()
            except TimeoutError:
                _log.warning("stop_cut_short", timeout_s=settings.shutdown_timeout_s)
        process.guard.stop()
    _log.info("whatsapp_service_stopped")
    if stop.is_set():
        return 0
    return EXIT_START_AGAIN if retires.is_set() else 1


class Process:
    """One life of a WhatsApp process, from its parts to its goodbye."""

    def __init__(self, settings: WhatsAppSettings, adapters: Adapters) -> None:
        self._settings = settings
        self._adapters = adapters
        self._prepared = asyncio.Event()
        self.process_id = new_process_id()
        self._publisher = Publisher(Announcer(adapters.redis))
        self._sender = CommandSender(adapters.redis)
        self._snapshots = Snapshots(adapters.redis)
        self._directory = Directory(adapters.database, adapters.credentials)
        self._registry = Registry(adapters.database, adapters.leases)
        self._store_watch = StoreWatch(adapters.credentials)
        self.guard = Guard()
        self._hearts = Hearts(Heartbeats(adapters.redis))
        self._lease = Lease(
            self._registry,
            self._hearts,
            self.guard,
            self.process_id,
            settings.machine_id or this_machine(),
        )
        self._pool = LinkerPool(
            capacity=settings.linker_capacity,
            spares=settings.linker_spares,
            queue_limit=settings.linker_queue_limit,
        )
        self._services = self._build_services()
        self._supervisor = Supervisor(
            self._services, self._registry, self._lease, settings.session_sweep_s
        )
        self.tenancy = self._build_tenancy()
        self.retirement = Retirement(
            self._lease,
            self._registry,
            self._services.gateway,
            choose_limit(settings.retire_after_clients, descriptor_limit()),
        )
        self._consumer = CommandConsumer(
            adapters.redis,
            self.process_id,
            self._supervisor.handle,
            Refusals(self._publisher, self._snapshots).tell,
            self._supervisor.route,
        )

    def start(
        self, publishing: BackgroundTasks, working: BackgroundTasks, listener: socket.socket
    ) -> None:
        """``publishing`` goes on until the last word is said."""
        publishing.start(self._publisher.run(), "publisher")
        publishing.start(self._live(), "lease")
        pings = PingResponder(
            self._adapters.redis,
            self.process_id,
            self._publisher.tell_everything_again,
            lambda: self._store_watch.answers,
        )
        working.start(pings.run(), "ping responder")
        working.start(self._store_watch.run(), "store watch")
        durability = DurabilityWatch(self._adapters.redis, required=self._settings.production)
        working.start(durability.run(), "redis durability")
        working.start(_serve(self._build_http(), listener), "operator http")
        working.start(
            watch_routes(self._services.routes, self._supervisor, self._settings.proxy_follow_s),
            "route watch",
        )
        times = WatchTimes(self._settings.line_check_s, self._settings.line_answer_s)
        working.start(LineWatch(self._supervisor, times).run(), "line watch")
        working.start(PhoneMemory(self._supervisor, self._directory).run(), "phone memory")
        working.start(self._work(), "sessions")

    async def say_goodbye(self) -> None:
        await self._supervisor.stop()
        if not await self._publisher.flush(FLUSH_S):
            _log.warning("events_left_unpublished", waiting=self._publisher.waiting)
        await self._lease.leave()
        with contextlib.suppress(BusError):
            await self._consumer.close()

    async def _live(self) -> None:
        """Whoever sees our heart may count on commands being taken.

        The store is made ready first, then we may hold sessions.
        """
        await prepare_store(self._pool, self._adapters.credentials, self._settings.store_schema_url)
        if await closes_idle_connections(self._adapters.credentials):
            gateway = self._services.gateway
            gateway.store_url = without_idle_connections(gateway.store_url)
        await self._lease.register()
        self.guard.start()
        self._prepared.set()
        heart = Heartbeat(
            self._adapters.redis,
            self.process_id,
            steady_s=self._lease.steady_s,
            on_beat=self._lease.heart_has_beaten,
            clock_s=elapsed_s,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(heart.run(), name="heartbeat")
            tasks.create_task(self._hearts.run(), name="hearts")
            tasks.create_task(self._lease.run(), name="lease")

    async def _work(self) -> None:
        """A salon's command never waits for others' restoring."""
        await self._prepared.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pool.run(), name="linker pool")
            tasks.create_task(self.tenancy.run(), name="tenancy")
            tasks.create_task(self._consumer.run(), name="commands")
            tasks.create_task(self._supervisor.sweep(), name="sweep")
            tasks.create_task(self.retirement.run(), name="retirement")

    def _build_services(self) -> Services:
        settings = self._settings
        return Services(
            pool=self._pool,
            gateway=Gateway(load_library(), settings.store_url, settings.device_name),
            directory=self._directory,
            half_links=HalfLinks(self._directory, self.process_id),
            routes=Routes(self._directory, settings.default_route),
            publisher=self._publisher,
            scouts=Scouts(),
            device_name=settings.device_name,
            patience=settings.patience,
        )

    def _build_tenancy(self) -> Tenancy:
        orphans = Orphans(
            self._lease,
            self._registry,
            self._supervisor,
            self._snapshots,
            self._services.half_links,
            self._sender,
        )
        handover = Handover(
            self._lease,
            self._registry,
            self._supervisor,
            self._sender,
            self._publisher,
            self._snapshots,
        )
        return Tenancy(
            self._lease,
            self._registry,
            self._supervisor,
            handover,
            orphans,
            self._settings.restore_concurrency,
        )

    def _build_http(self) -> OperatorHttp:
        adapters = self._adapters
        inventory = take_inventory(
            self._supervisor,
            self._pool,
            adapters.redis,
            adapters.database,
            adapters.credentials,
            adapters.leases,
        )
        return OperatorHttp(
            self._supervisor,
            self._publisher,
            Vitals(adapters.redis, lasting=self._settings.production),
            Stores(adapters.database, adapters.credentials, self._prepared),
            inventory,
        )


async def _serve(http: OperatorHttp, listener: socket.socket) -> None:
    config = uvicorn.Config(
        http.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    await Server(config).serve(sockets=[listener])


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
