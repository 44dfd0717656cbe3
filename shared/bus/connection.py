"""How both processes connect to Redis: bounded in time, healthy or replaced."""

from collections.abc import Iterable
from typing import Final

from redis.asyncio import (
    Connection,
    ConnectionPool,
    Redis,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

CONNECT_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 5.0
HEALTH_CHECK_S = 10
MAX_CONNECTIONS = 200

BusError = RedisError
"""What every call into Redis may raise."""


class _OwnsUp(AbstractConnection):
    """Says of a connection that was reset while it was being made that it is lost.

    uvloop refuses to write to a transport that has just closed with a RuntimeError, which redis-py
    hands on as it is: nobody who is ready for a Redis that goes away would know it.
    """

    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            if "the handler is closed" not in str(error):
                raise
            raise RedisConnectionError("the connection was closed before it was used") from error


class _Tcp(_OwnsUp, Connection):
    pass


class _Tls(_OwnsUp, SSLConnection):
    pass


class _Unix(_OwnsUp, UnixDomainSocketConnection):
    pass


_OURS: Final = {Connection: _Tcp, SSLConnection: _Tls, UnixDomainSocketConnection: _Unix}


def connect_redis(url: str) -> "Redis":
    """A pool; text in, text out. A lost connection is tried once more at once, then raises."""
    redis = _from_url(url)
    pool = redis.connection_pool
    pool.connection_class = _OURS[pool.connection_class]
    return redis


def _from_url(url: str) -> "Redis":
    return Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=REPLY_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=HEALTH_CHECK_S,
        max_connections=MAX_CONNECTIONS,
        retry=Retry(
            ExponentialWithJitterBackoff(base=0.05, cap=0.2),
            retries=1,
            supported_errors=(RedisConnectionError, RedisTimeoutError),
        ),
        # A server that was master when we connected: the name may lead to another one by now.
        retry_on_error=[RedisConnectionError, ReadOnlyError],
    )


def is_redis_url(url: str) -> bool:
    """Whether a client can be made of it; nothing is connected."""
    try:
        ConnectionPool.from_url(url).make_connection()  # type: ignore[no-untyped-call]
    except (ValueError, TypeError):
        return False
    return True
