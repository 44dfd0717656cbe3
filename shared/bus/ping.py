"""Ping and pong: proof that a message travels to the WhatsApp process and back."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from redis.asyncio import Redis

from shared.bus import keys
from shared.bus.heartbeat import Heartbeats
from shared.bus.listener import ChannelListener
from shared.clock import now_ms
from shared.errors import AppError
from shared.messages.events import Ping, Pong, decode_event, decode_pong

_log = structlog.get_logger(__name__)

LAGGARDS_S: Final = 1.0


class PingResponder:
    """Answers every ping on ``whatsapp:events`` with a pong on ``whatsapp:health``."""

    def __init__(
        self,
        redis: Redis,
        process_id: str,
        on_subscribed: Callable[[], None] = lambda: None,
        store_answers: Callable[[], bool | None] = lambda: None,
    ) -> None:
        self._redis = redis
        self._process_id = process_id
        self._tell_subscribed = on_subscribed
        self._store_answers = store_answers
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
            pong = Pong(
                test_id=event.test_id,
                process_id=self._process_id,
                store_answers=self._store_answers(),
            )
            await self._redis.publish(keys.HEALTH_CHANNEL, pong.to_json())


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """``latency_ms`` with a fraction, of the slowest answer; ``test_id`` as it was sent.

    ``silent``: ids of processes that should have answered and did not. ``storeless``: of those that
    have answered without being able to reach the credential store.
    """

    test_id: str
    latency_ms: float
    silent: tuple[str, ...] = ()
    storeless: tuple[str, ...] = ()


class NobodyAnsweredError(TimeoutError):
    """``silent``: ids of the processes that should have."""

    def __init__(self, silent: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.silent = silent


class _Roll:
    """Who has answered one ping, and when."""

    def __init__(self) -> None:
        self.answered: dict[str, float] = {}
        self.storeless: set[str] = set()
        self.news = asyncio.Event()

    def note(self, name: str, *, storeless: bool) -> None:
        self.answered.setdefault(name, time.perf_counter())
        if storeless:
            self.storeless.add(name)
        self.news.set()

    async def wait_for(self, names: frozenset[str], patience_s: float) -> frozenset[str]:
        """Until all of them have answered, and one at least; which have not.

        Whoever lives answers within 50 ms, so that after the first answer the others get a second.
        """
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s) as patience:
                while not self.answered or names - self.answered.keys():
                    first = not self.answered
                    await self.news.wait()
                    self.news.clear()
                    if first:
                        latest = patience.when() or 0.0
                        patience.reschedule(min(latest, loop.time() + LAGGARDS_S))
        return names - self.answered.keys()


class RoundTrips:
    """Measures round trips over Redis; one subscription serves all measurements."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._heartbeats = Heartbeats(redis)
        self._waiting: dict[str, _Roll] = {}
        self.listener = ChannelListener(
            redis, [keys.HEALTH_CHANNEL, keys.HEALTH_TEST_CHANNEL], self._on_message
        )

    async def run(self) -> None:
        await self.listener.run()

    async def through_whatsapp_service(self, timeout_s: float) -> RoundTrip:
        """Ping, wait for the pongs of every process that should live.

        Raises NobodyAnsweredError, TimeoutError, redis.exceptions.RedisError.
        """
        test_id = _test_id("ping")
        ping = Ping(test_id=test_id)
        async with asyncio.timeout(timeout_s):
            expected = frozenset(await self._heartbeats.all())
        return await self._measure(
            test_id, keys.EVENTS_CHANNEL, ping.to_json(), expected, timeout_s
        )

    async def through_redis(self, timeout_s: float) -> RoundTrip:
        """From this process to itself. Raises TimeoutError, redis.exceptions.RedisError."""
        test_id = _test_id("self")
        return await self._measure(
            test_id, keys.HEALTH_TEST_CHANNEL, test_id, frozenset(), timeout_s
        )

    async def _measure(
        self,
        test_id: str,
        channel: str,
        payload: str,
        expected: frozenset[str],
        timeout_s: float,
    ) -> RoundTrip:
        roll = self._waiting[test_id] = _Roll()
        started = time.perf_counter()
        try:
            async with asyncio.timeout(timeout_s):
                await self.listener.subscribed.wait()
                await self._redis.publish(channel, payload)
            left_s = timeout_s - (time.perf_counter() - started)
            silent = tuple(sorted(await roll.wait_for(expected, left_s)))
        finally:
            del self._waiting[test_id]
        if not roll.answered:
            raise NobodyAnsweredError(silent)
        latency_ms = (max(roll.answered.values()) - started) * 1000
        return RoundTrip(test_id, latency_ms, silent, tuple(sorted(roll.storeless)))

    async def _on_message(self, channel: str, payload: str) -> None:
        if channel == keys.HEALTH_TEST_CHANNEL:
            self._note(payload, "here")
            return
        try:
            pong = decode_pong(payload)
        except AppError as error:
            _log.warning("bus_pong_invalid", **error.context)
            return
        self._note(pong.test_id, pong.process_id, storeless=pong.store_answers is False)

    def _note(self, test_id: str, name: str, *, storeless: bool = False) -> None:
        roll = self._waiting.get(test_id)
        if roll is not None:
            roll.note(name, storeless=storeless)


def _test_id(kind: str) -> str:
    return f"{kind}_{now_ms()}_{secrets.token_hex(4)}"
