"""``python -m whatsapp_service``."""

import asyncio
import logging
import os
import sys
from typing import NoReturn

import structlog

from shared.http_server import listen
from shared.lifecycle import allow_many_descriptors
from shared.observability import (
    capture,
    configure_logging,
    configure_sentry,
    log_what_nobody_caught,
)
from shared.settings import EXIT_CONFIGURATION, load_settings
from whatsapp_service.app import run
from whatsapp_service.gateway.library import LibraryRefusedError
from whatsapp_service.settings import WhatsAppSettings


def main() -> NoReturn:
    settings = load_settings(WhatsAppSettings)
    configure_logging(settings, component="whatsapp")
    log_what_nobody_caught()
    configure_sentry(settings, component="whatsapp")
    allow_many_descriptors()
    uvicorn_log = logging.getLogger("uvicorn.error")
    uvicorn_log.setLevel(max(logging.WARNING, logging.getLogger().level))
    listener = listen(
        "WHATSAPP_HOST, WHATSAPP_PORT", settings.whatsapp_host, settings.whatsapp_port
    )
    try:
        # A runner that is closed would wait for threads that the library may hold for ever.
        status = asyncio.Runner().run(run(settings, listener))
    except LibraryRefusedError as error:
        sys.stderr.write(f"library: {error}\n")
        status = EXIT_CONFIGURATION
    except Exception as error:  # noqa: BLE001 - the process's last words
        structlog.get_logger(__name__).critical("whatsapp_service_failed", exc_info=True)
        capture(error, operation="main")
        status = 1
    leave(status)


def leave(status: int) -> NoReturn:
    """End at once: the library's threads and its atexit hooks would keep the process."""
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
