"""A pub/sub subscription that heals itself."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.lifecycle import raise_if_cancelled

_log = structlog.get_logger(__name__)
_listening = Gauge("bus_subscribed", "1: what is said on the channel is heard", ["channel"])

MIN_BACKOFF_S: Final = 0.1
MAX_BACKOFF_S: Final = 2.0
PROBE_EVERY_S: Final = 5.0

OnMessage = Callable[[str, str], Awaitable[None]]
OnSubscribed = Callable[[], Awaitable[None]]


async def nothing() -> None:
    return


class ChannelListener:
    """Hands each message of ``channels`` to ``on_message(channel, payload)``, one at a time.

    After each (re)subscription, before any message, ``on_subscribed`` runs: the place to read what
    was missed. A silent connection is probed, so a dead one is found within 10 s. An exception of
    ``on_message`` is logged and ends nothing; one of Redis leads to a new connection.
    """

    def __init__(
        self,
        redis: Redis,
        channels: Sequence[str],
        on_message: OnMessage,
        *,
        on_subscribed: OnSubscribed = nothing,
    ) -> None:
        self._redis = redis
        self._channels = tuple(channels)
        self._on_message = on_message
        self._on_subscribed = on_subscribed
        self.subscribed = asyncio.Event()

    async def run(self) -> None:
        failures = 0
        while True:
            try:
                await self._listen()
            except (RedisError, OSError, TimeoutError) as error:
                failures = 0 if self.subscribed.is_set() else failures + 1
                self.subscribed.clear()
                self._show(listening=False)
                _log.warning(
                    "bus_subscription_lost", channels=self._channels, error=type(error).__name__
                )
                ceiling = min(MAX_BACKOFF_S, MIN_BACKOFF_S * 2**failures)
                await asyncio.sleep(random.uniform(ceiling / 2, ceiling))  # noqa: S311 - jitter

    async def _listen(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(*self._channels)
            confirmed, silent = 0, False
            while True:
                raise_if_cancelled()
                message = await pubsub.get_message(timeout=PROBE_EVERY_S)
                if message is None:
                    if silent:
                        raise TimeoutError
                    await pubsub.ping()
                    silent = True
                    continue
                silent = False
                if message["type"] == "subscribe":
                    # redis-py may reconnect by itself; its new subscriptions show here.
                    confirmed += 1
                    if confirmed % len(self._channels) == 0:
                        await self._on_subscribed()
                        self.subscribed.set()
                        self._show(listening=True)
                elif message["type"] == "message":
                    await self._deliver(message["channel"], message["data"])

    def _show(self, *, listening: bool) -> None:
        for channel in self._channels:
            _listening.labels(channel=channel).set(listening)

    async def _deliver(self, channel: str, payload: str) -> None:
        try:
            await self._on_message(channel, payload)
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - a handler never ends the subscription
            _log.exception("bus_handler_failed", channel=channel)
