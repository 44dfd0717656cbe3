"""Loopback ports: finding a free one, and naming who holds a taken one."""

import errno
import socket

import psutil

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a TCP port that was free on loopback a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


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
