"""How both processes connect to Redis: bounded in time, healthy or replaced."""

from redis.asyncio import ConnectionPool, Redis
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


def connect_redis(url: str) -> "Redis":
    """A pool; text in, text out. A lost connection is tried once more at once, then raises."""
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
