"""Run the network: `python -m sandbox.whatsapp_network --data-dir var/whatsapp-network`.

When both ports listen, one JSON line goes to standard output:
`{"chat_port", "control_port", "control_url", "root_public_key", "client_library"}`, the last one
null unless `--client-library` was given. SIGTERM or SIGINT ends it with 0; a port in use or a
broken state file ends it with 2 and one line on standard error.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

import structlog

from sandbox.whatsapp_network.client_library import ClientLibraryError, build_client_library
from sandbox.whatsapp_network.service import Options, PortTakenError, Service, run_service
from sandbox.whatsapp_network.state_file import StateFileError


def main() -> int:
    arguments = _parser().parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    options = Options(arguments.port, arguments.control_port, arguments.data_dir)
    try:
        asyncio.run(_serve(options, arguments.client_library))
    except (PortTakenError, StateFileError, ClientLibraryError) as error:
        sys.stderr.write(f"whatsapp network: {error}\n")
        return 2
    return 0


async def _serve(options: Options, client_library: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    async with run_service(options) as service:
        ready = await asyncio.to_thread(_ready_line, service, client_library)
        sys.stdout.write(f"{ready}\n")
        sys.stdout.flush()
        await stop.wait()


def _ready_line(service: Service, client_library: Path | None) -> str:
    port, key = service.chat_port, service.root_public_key
    library = build_client_library(client_library, port, key) if client_library else None
    line = {
        "chat_port": port,
        "control_port": service.control_port,
        "control_url": service.control_url,
        "root_public_key": key.hex(),
        "client_library": str(library) if library else None,
    }
    return json.dumps(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.whatsapp_network")
    parser.add_argument("--port", type=int, default=0, help="chat port; 0: as last time, or any")
    parser.add_argument("--control-port", type=int, default=0, help="likewise")
    parser.add_argument("--data-dir", type=Path, help="keeps phones and links over restarts")
    parser.add_argument(
        "--client-library", type=Path, metavar="DIR", help="build the client's copy under here"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
