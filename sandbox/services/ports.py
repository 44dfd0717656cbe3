"""Loopback ports: finding a free one, and naming who holds a taken one."""

import atexit
import errno
import random
import socket
from collections import deque

import psutil

LOOPBACK = "127.0.0.1"

FIRST_PORT, LAST_PORT = 10_240, 32_767
"""Below Linux's usual ``ip_local_port_range``, above what programs are known by."""

TRIES = 200
_chance = random.SystemRandom()
"""Not the seeded one: tests in several processes would all choose the same."""

KEPT = 64
_kept: deque[socket.socket] = deque()


@atexit.register
def _give_back() -> None:
    for place in _kept:
        place.close()


def free_port() -> int:
    """Return a TCP port of loopback that is free.

    Not one of those that the system gives to outgoing connections: somebody's connection would
    take it before whoever asked listens on it. Nor is it given to another process that asks here:
    the newest ones stay bound, without listening, as long as this process lives. A server that
    sets SO_REUSEADDR, as they all do, listens there all the same.
    """
    for _ in range(TRIES):
        port = _chance.randrange(FIRST_PORT, LAST_PORT + 1)
        if _keep(port):
            return port
    raise OSError(errno.EADDRINUSE, "no free port was found")


def _keep(port: int) -> bool:
    """False when anybody has it, or keeps it."""
    place = socket.socket()
    try:
        place.bind((LOOPBACK, port))
    except OSError:
        place.close()
        return False
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _kept.append(place)
    if len(_kept) > KEPT:
        _kept.popleft().close()
    return True


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether nobody listens on `host:port` now (TIME_WAIT does not count).

    Whatever else is wrong with the address, the server that gets it can say better.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
        return True


def free_port_near(preferred: int | None) -> int:
    """Return `preferred` when it is free, else any free port."""
    return preferred if preferred and is_free(preferred) else free_port()


def holder_of(port: int) -> str:
    """Name the process that listens on `port`, like `nginx (pid 812)`, as far as we may know."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status != psutil.CONN_LISTEN or connection.pid is None:
                continue
            if connection.laddr and connection.laddr.port == port:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return "another program"
