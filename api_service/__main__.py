"""``python -m api_service``."""

import asyncio
import contextlib
import logging
import socket
import sys
from typing import Final

import structlog
import uvicorn
import uvloop

from api_service.app import Application, build_app
from api_service.realtime.websocket import WebSocketProtocol
from api_service.settings import ApiSettings
from shared.http_server import KEEP_ALIVE_S, Server, listen
from shared.lifecycle import allow_many_descriptors, stop_on_signals
from shared.observability import configure_logging, configure_sentry, log_what_nobody_caught
from shared.settings import load_settings

_log = structlog.get_logger(__name__)

MAX_FRAME_BYTES: Final = 64 * 1024
BACKLOG: Final = 2048
ANSWERS_TO_FINISH_S: Final = 3


async def serve(settings: ApiSettings, listener: socket.socket) -> bool:
    """Until SIGINT or SIGTERM. False when a background task died: a supervisor starts us again."""
    stop = stop_on_signals()
    app = build_app(settings)
    server = Server(uvicorn_config(app, settings))
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http server")
    host, port = listener.getsockname()[:2]
    _log.info("api_listening", host=host, port=port)
    told = await _first_of(serving, stop, app.tasks.failed)
    _log.info("api_stopping")
    await app.release_sockets()
    server.should_exit = True
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(serving, settings.shutdown_timeout_s)
    return told and stop.is_set()


def main() -> None:
    settings = load_settings(ApiSettings)
    configure_logging(settings, component="api")
    log_what_nobody_caught()
    configure_sentry(settings, component="api")
    allow_many_descriptors()
    logger = logging.getLogger("uvicorn.error")
    logger.setLevel(max(logging.WARNING, logging.getLogger().level))
    listener = listen("API_HOST, API_PORT", settings.api_host, settings.api_port)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        clean = runner.run(serve(settings, listener))
    sys.exit(0 if clean else 1)


def uvicorn_config(app: Application, settings: ApiSettings) -> uvicorn.Config:
    """No access log: query strings hold tokens. Frames are small, so no compression of them."""
    return uvicorn.Config(
        app.asgi,
        http="httptools",
        ws=WebSocketProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=ANSWERS_TO_FINISH_S,
    )


async def _first_of(serving: asyncio.Task[None], *events: asyncio.Event) -> bool:
    """True when one of the events came, False when the server ended by itself."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait({serving, *waits}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return not serving.done()


if __name__ == "__main__":
    main()
