"""The composition root: builds every adapter, starts and stops everything in order."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Coroutine
from typing import Final

import structlog
import uvicorn
from redis.asyncio import Redis

from shared.bus.announcement import Announcer
from shared.bus.commands import CommandConsumer
from shared.bus.connection import connect_redis
from shared.bus.durability import DurabilityWatch
from shared.bus.heartbeat import Heartbeat
from shared.bus.ping import PingResponder
from shared.bus.publisher import Publisher
from shared.bus.snapshots import Snapshots
from shared.bus.vitals import Vitals
from shared.db import DatabaseError, Pool, make_pool
from shared.http_server import Server
from shared.lifecycle import background_tasks, new_process_id, stop_on_signals
from whatsapp_service.gateway.library import load_library, require_genuine_library
from whatsapp_service.gateway.linked_client import Gateway
from whatsapp_service.operator_http import OperatorHttp, take_inventory
from whatsapp_service.sessions.half_links import HalfLinks
from whatsapp_service.sessions.line_watch import LineWatch, WatchTimes
from whatsapp_service.sessions.linker_pool import LinkerPool
from whatsapp_service.sessions.route_watch import watch_routes
from whatsapp_service.sessions.routes import Routes
from whatsapp_service.sessions.session import Services
from whatsapp_service.sessions.store_preparation import prepare_store
from whatsapp_service.sessions.supervisor import Supervisor
from whatsapp_service.settings import WhatsAppSettings
from whatsapp_service.store.directory import Directory

_log = structlog.get_logger(__name__)

CREDENTIAL_POOL_SIZE: Final = 3
FLUSH_S: Final = 3.0


async def run(settings: WhatsAppSettings, listener: socket.socket) -> bool:
    """Until SIGINT or SIGTERM. False when a background task died: a supervisor starts us again."""
    stop = stop_on_signals()
    if settings.production:
        require_genuine_library()
    process_id = new_process_id()
    async with _adapters(settings) as (redis, database, credentials):
        publisher = Publisher(Announcer(redis))
        pool = LinkerPool(
            capacity=settings.linker_capacity,
            spares=settings.linker_spares,
            queue_limit=settings.linker_queue_limit,
        )
        directory = Directory(database, credentials)
        services = Services(
            pool=pool,
            gateway=Gateway(load_library(), settings.store_url, settings.device_name),
            directory=directory,
            half_links=HalfLinks(directory),
            routes=Routes(directory, settings.default_route),
            publisher=publisher,
            process_id=process_id,
            device_name=settings.device_name,
        )
        supervisor = Supervisor(
            services, Snapshots(redis), settings.restore_concurrency, settings.session_sweep_s
        )
        inventory = take_inventory(supervisor, pool, redis, database, credentials)
        prepared = asyncio.Event()
        vitals = Vitals(redis, lasting=settings.production)
        http = OperatorHttp(supervisor, publisher, vitals, database, inventory, prepared)
        async with background_tasks() as publishing, background_tasks() as working:
            publishing.start(publisher.run(), "publisher")
            publishing.start(_beat(Heartbeat(redis, process_id), prepared), "heartbeat")
            pings = PingResponder(redis, process_id, publisher.tell_everything_again)
            working.start(pings.run(), "ping responder")
            durability = DurabilityWatch(redis, required=settings.production)
            working.start(durability.run(), "redis durability")
            working.start(_serve(http, listener), "operator http")
            working.start(
                watch_routes(services.routes, supervisor, settings.proxy_follow_s), "route watch"
            )
            times = WatchTimes(settings.line_check_s, settings.line_answer_s)
            working.start(LineWatch(supervisor, times).run(), "line watch")
            consumer = CommandConsumer(redis, process_id, supervisor.handle, supervisor.refuse)
            preparation = prepare_store(pool, credentials, settings.store_schema_url)
            working.start(_work(supervisor, pool, consumer, preparation, prepared), "sessions")
            _log.info("whatsapp_service_started", process_id=process_id)
            await _first_of(stop, working.failed)
            _log.info("whatsapp_service_stopping")
            try:
                async with asyncio.timeout(settings.shutdown_timeout_s):
                    await working.stop()
                    await _say_goodbye(supervisor, publisher)
            except TimeoutError:
                _log.warning("stop_cut_short", timeout_s=settings.shutdown_timeout_s)
    _log.info("whatsapp_service_stopped")
    return stop.is_set()


async def _beat(heart: Heartbeat, prepared: asyncio.Event) -> None:
    """Whoever sees it may count on commands being taken."""
    await prepared.wait()
    await heart.run()


async def _say_goodbye(supervisor: Supervisor, publisher: Publisher) -> None:
    await supervisor.stop()
    if not await publisher.flush(FLUSH_S):
        _log.warning("events_left_unpublished", waiting=publisher.waiting)


async def _work(
    supervisor: Supervisor,
    pool: LinkerPool,
    consumer: CommandConsumer,
    preparation: Coroutine[None, None, None],
    prepared: asyncio.Event,
) -> None:
    """Commands are taken once the store is there; a salon never waits for others' restoring."""
    await preparation
    prepared.set()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pool.run(), name="linker pool")
        tasks.create_task(supervisor.restore(), name="restore")
        tasks.create_task(consumer.run(), name="commands")
        tasks.create_task(supervisor.sweep(), name="sweep")


async def _serve(http: OperatorHttp, listener: socket.socket) -> None:
    config = uvicorn.Config(
        http.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    await Server(config).serve(sockets=[listener])


@contextlib.asynccontextmanager
async def _adapters(settings: WhatsAppSettings) -> AsyncIterator[tuple[Redis, Pool, Pool]]:
    redis = connect_redis(settings.redis_url.get_secret_value())
    database = make_pool(
        settings.database_url.get_secret_value(), settings.database_pool_size, "whatsapp-service"
    )
    credentials = make_pool(
        settings.credentials_url, CREDENTIAL_POOL_SIZE, "whatsapp-service credentials"
    )
    try:
        for pool in (database, credentials):
            with contextlib.suppress(DatabaseError):
                await pool.open(wait=False)
        yield redis, database, credentials
    finally:
        await credentials.close()
        await database.close()
        await redis.aclose()


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
