"""The running sandbox network: chat port, control port and state file, started and stopped."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn

from sandbox.services.ports import free_port
from sandbox.whatsapp_network import state_file
from sandbox.whatsapp_network.chat_server import listen
from sandbox.whatsapp_network.control_api import ControlApi
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.state_file import State, StateFile
from shared.http_server import KEEP_ALIVE_S, Server

LOOPBACK: Final = "127.0.0.1"
SHUTDOWN_S: Final = 2


class PortTakenError(Exception):
    """A port that was asked for by number is in use."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is in use; stop what uses it or choose another")
        self.port = port


@dataclass(frozen=True, slots=True)
class Options:
    """Port 0 means the port of the last run if it is free, else any free one."""

    chat_port: int = 0
    control_port: int = 0
    data_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class Service:
    network: Network
    chat_port: int
    control_port: int

    @property
    def control_url(self) -> str:
        return f"http://{LOOPBACK}:{self.control_port}"

    @property
    def root_public_key(self) -> bytes:
        return self.network.authority.root.public


@asynccontextmanager
async def run_service(options: Options) -> AsyncIterator[Service]:
    """Yield once both ports listen; raise `PortTakenError` or `StateFileError` before that."""
    path = options.data_dir / state_file.FILE_NAME if options.data_dir else None
    state = state_file.load(path) if path else State()
    with (
        _bind(options.chat_port, state.chat_port) as chat,
        _bind(options.control_port, state.control_port) as control,
    ):
        service = Service(Network(state), _port(chat), _port(control))
        async with (
            _keeping(service, path),
            listen(service.network, chat),
            _controlling(service.network, control),
        ):
            yield service


@asynccontextmanager
async def _keeping(service: Service, path: Path | None) -> AsyncIterator[None]:
    if path is None:
        yield
        return

    def collect() -> State:
        ports = {"chat_port": service.chat_port, "control_port": service.control_port}
        return service.network.collect().model_copy(update=ports)

    file = StateFile(path, collect)
    state_file.save(path, collect())
    service.network.changed = file.touch
    keeping = asyncio.create_task(file.keep(), name="state-file")
    try:
        yield
    finally:
        file.close()
        await keeping


@asynccontextmanager
async def _controlling(network: Network, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        ControlApi(network).app(),
        access_log=False,
        log_level="warning",
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve([listener]), name="control-api")
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _bind(port: int, last_port: int | None) -> socket.socket:
    if port:
        return _listener(port)
    try:
        return _listener(last_port or free_port())
    except PortTakenError:
        return _listener(free_port())


def _listener(port: int) -> socket.socket:
    # With the protocol named, asyncio sends small stanzas at once (TCP_NODELAY), as WhatsApp does.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise PortTakenError(port) from error
    return listener


def _port(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port
