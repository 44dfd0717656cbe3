"""Session events, each exactly once, also those that were published while we were away."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, cast

import structlog
from prometheus_client import Counter
from redis.asyncio import Redis

from shared.bus import keys
from shared.bus.listener import ChannelListener, OnSubscribed, nothing
from shared.company_id import SessionId
from shared.errors import AppError
from shared.messages.events import AnySessionEvent, Ping, decode_event

_log = structlog.get_logger(__name__)
_dropped = Counter("bus_events_dropped_total", "Events that were not handed on", ["why"])

REMEMBERED_EVENTS: Final = 20_000
REMEMBERED_SESSIONS: Final = 100_000
CATCH_UP_BATCH: Final = 500

K = TypeVar("K")
V = TypeVar("V")
Handler = Callable[[AnySessionEvent], Awaitable[None]]


class EventSubscriber:
    """Hands every session event to ``handler`` once, in the order in which it was published.

    Live events come by pub/sub. After each (re)subscription the log is read from the last id that
    was handled, so a durable event is only ever late. Events of a lower epoch than one already
    seen for the session are dropped: their writer no longer owns it. ``on_caught_up`` runs after
    that and before any live event: news of the moment that went by meanwhile is only in snapshots.
    """

    def __init__(
        self, redis: Redis, handler: Handler, *, on_caught_up: OnSubscribed = nothing
    ) -> None:
        self._redis = redis
        self._handler = handler
        self._on_caught_up = on_caught_up
        self._last_id: str | None = None
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._epochs: OrderedDict[SessionId, int] = OrderedDict()
        self.listener = ChannelListener(
            redis, [keys.EVENTS_CHANNEL], self._on_message, on_subscribed=self._on_subscribed
        )

    async def run(self) -> None:
        await self.listener.run()

    async def _on_subscribed(self) -> None:
        await self._catch_up()
        await self._on_caught_up()

    async def _catch_up(self) -> None:
        if self._last_id is None:
            newest = await self._redis.xrevrange(keys.EVENTS_LOG, count=1)
            self._last_id = str(newest[0][0]) if newest else "0-0"
            return
        await self._distrust_future()
        while entries := await self._redis.xrange(
            keys.EVENTS_LOG, min=f"({self._last_id}", count=CATCH_UP_BATCH
        ):
            for stream_id, fields in entries:
                await self._take(cast("dict[str, str]", fields).get("event", ""))
                self._last_id = str(stream_id)

    async def _distrust_future(self) -> None:
        """A place that the log has not reached is no place: another log, or a false event."""
        newest = await self._redis.xrevrange(keys.EVENTS_LOG, count=1)
        if newest and _place(str(newest[0][0])) < _place(self._last_id or ""):
            _log.warning("bus_log_place_unknown")
            self._last_id = str(newest[0][0])

    async def _on_message(self, _channel: str, payload: str) -> None:
        await self._take(payload)

    async def _take(self, payload: str) -> None:
        try:
            event = decode_event(payload)
        except AppError as error:
            _dropped.labels(why="invalid").inc()
            _log.warning("bus_event_invalid", **error.context)
            return
        if isinstance(event, Ping):
            return
        if event.stream_id is not None:
            self._last_id = event.stream_id
        if self._is_new(event):
            try:
                await self._handler(event)
            except Exception:  # noqa: BLE001 - a handler never ends the subscription
                _log.exception("bus_handler_failed", event_type=event.type)

    def _is_new(self, event: AnySessionEvent) -> bool:
        if event.event_id in self._seen:
            return False
        newest_epoch = self._epochs.get(event.company_id, 0)
        if event.epoch < newest_epoch:
            _dropped.labels(why="stale").inc()
            _log.warning("bus_event_stale", company_id=event.company_id, epoch=event.epoch)
            return False
        _remember(self._seen, event.event_id, None, REMEMBERED_EVENTS)
        _remember(self._epochs, event.company_id, event.epoch, REMEMBERED_SESSIONS)
        return True


def _place(stream_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in stream_id.split("-"))


def _remember(memory: OrderedDict[K, V], key: K, value: V, limit: int) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > limit:
        memory.popitem(last=False)
