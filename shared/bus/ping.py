"""Ping and pong: proof that a message travels to the WhatsApp process and back."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis

from shared.bus import keys
from shared.bus.listener import ChannelListener
from shared.clock import now_ms
from shared.errors import AppError
from shared.messages.events import Ping, Pong, decode_event, decode_pong

_log = structlog.get_logger(__name__)


class PingResponder:
    """Answers every ping on ``whatsapp:events`` with a pong on ``whatsapp:health``."""

    def __init__(
        self, redis: Redis, process_id: str, on_subscribed: Callable[[], None] = lambda: None
    ) -> None:
        self._redis = redis
        self._process_id = process_id
        self._tell_subscribed = on_subscribed
        self.listener = ChannelListener(
            redis,
            [keys.EVENTS_CHANNEL],
            self._on_message,
            on_subscribed=self._on_subscribed,
        )

    async def run(self) -> None:
        await self.listener.run()

    async def _on_subscribed(self) -> None:
        self._tell_subscribed()

    async def _on_message(self, _channel: str, payload: str) -> None:
        if '"ping"' not in payload:
            return
        try:
            event = decode_event(payload)
        except AppError as error:
            _log.warning("bus_event_invalid", **error.context)
            return
        if isinstance(event, Ping):
            pong = Pong(test_id=event.test_id, process_id=self._process_id)
            await self._redis.publish(keys.HEALTH_CHANNEL, pong.to_json())


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """``latency_ms`` with a fraction; ``test_id`` as it was sent."""

    test_id: str
    latency_ms: float


class RoundTrips:
    """Measures round trips over Redis; one subscription serves all measurements."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self.listener = ChannelListener(
            redis, [keys.HEALTH_CHANNEL, keys.HEALTH_TEST_CHANNEL], self._on_message
        )

    async def run(self) -> None:
        await self.listener.run()

    async def through_whatsapp_service(self, timeout_s: float) -> RoundTrip:
        """Ping, wait for the pong. Raises TimeoutError, redis.exceptions.RedisError."""
        test_id = _test_id("ping")
        ping = Ping(test_id=test_id)
        return await self._measure(test_id, keys.EVENTS_CHANNEL, ping.to_json(), timeout_s)

    async def through_redis(self, timeout_s: float) -> RoundTrip:
        """From this process to itself. Raises TimeoutError, redis.exceptions.RedisError."""
        test_id = _test_id("self")
        return await self._measure(test_id, keys.HEALTH_TEST_CHANNEL, test_id, timeout_s)

    async def _measure(
        self, test_id: str, channel: str, payload: str, timeout_s: float
    ) -> RoundTrip:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[test_id] = answer
        started = time.perf_counter()
        try:
            async with asyncio.timeout(timeout_s):
                await self.listener.subscribed.wait()
                await self._redis.publish(channel, payload)
                await answer
        finally:
            del self._waiting[test_id]
        return RoundTrip(test_id, (time.perf_counter() - started) * 1000)

    async def _on_message(self, channel: str, payload: str) -> None:
        if channel == keys.HEALTH_TEST_CHANNEL:
            self._answered(payload)
            return
        try:
            pong = decode_pong(payload)
        except AppError as error:
            _log.warning("bus_pong_invalid", **error.context)
            return
        self._answered(pong.test_id)

    def _answered(self, test_id: str) -> None:
        answer = self._waiting.get(test_id)
        if answer is not None and not answer.done():
            answer.set_result(None)


def _test_id(kind: str) -> str:
    return f"{kind}_{now_ms()}_{secrets.token_hex(4)}"
