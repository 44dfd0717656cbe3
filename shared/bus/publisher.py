"""Publishes announcements in order, through Redis outages, without holding a session up."""

import asyncio
from collections import OrderedDict, deque
from typing import Final

import structlog
from prometheus_client import Counter, Gauge
from redis.exceptions import RedisError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from shared.bus.announcement import Announcement, Announcer
from shared.company_id import SessionId
from shared.lifecycle import raise_if_cancelled
from shared.messages.snapshot import Snapshot

MAX_WAITING: Final = 10_000
RETRY_WAITS_S: Final = (1, 2, 4)

_log = structlog.get_logger(__name__)
_failures = Counter("bus_publish_failures_total", "Publications that failed all their retries")
_stale = Counter("bus_publish_stale_total", "Publications refused because a newer owner exists")
_waiting = Gauge("bus_publish_waiting", "Announcements that wait for Redis")


class Publisher:
    """One queue for all sessions, so that each session's events go out in order.

    A publication that fails is retried after 1, 2 and 4 s. After the last the sessions concerned
    are marked dirty: durable events stay in the queue in their order, news of the moment is
    dropped, and when Redis is back the newest snapshot of every dirty session is told again.
    """

    def __init__(self, announcer: Announcer, *, retry_unit_s: float = 1.0) -> None:
        self._announcer = announcer
        self._queue: deque[Announcement] = deque()
        self._dirty: OrderedDict[SessionId, Snapshot] = OrderedDict()
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._retry_unit_s = retry_unit_s

    def publish(self, announcement: Announcement) -> None:
        """Take an announcement over; returns at once."""
        if len(self._queue) >= MAX_WAITING:
            self._make_room()
        self._queue.append(announcement)
        self._changed()

    @property
    def waiting(self) -> int:
        return len(self._queue) + len(self._dirty)

    async def flush(self, timeout_s: float) -> bool:
        """Wait until all is out. False when that took longer than ``timeout_s``."""
        try:
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        while True:
            raise_if_cancelled()
            await self._wake.wait()
            if self._queue:
                await self._publish_first()
            elif self._dirty:
                await self._tell_dirty()
            self._changed()

    async def _publish_first(self) -> None:
        head = self._queue[0]
        try:
            await self._announce(head)
        except RedisError as error:
            _failures.inc()
            _log.warning("bus_publish_failed", error=type(error).__name__, waiting=self.waiting)
            self._mark_dirty()
            return
        self._queue.popleft()

    async def _tell_dirty(self) -> None:
        session_id, snapshot = next(iter(self._dirty.items()))
        try:
            await self._announce(Announcement(snapshot))
        except RedisError as error:
            _log.warning("bus_snapshot_failed", error=type(error).__name__, waiting=self.waiting)
            return
        if self._dirty.get(session_id) is snapshot:
            del self._dirty[session_id]

    async def _announce(self, announcement: Announcement) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(RedisError),
            wait=wait_exponential(
                multiplier=self._retry_unit_s * RETRY_WAITS_S[0],
                max=self._retry_unit_s * RETRY_WAITS_S[-1],
            ),
            stop=stop_after_attempt(1 + len(RETRY_WAITS_S)),
            reraise=True,
        ):
            with attempt:
                if not await self._announcer.announce(announcement):
                    _stale.inc()
                    _log.warning("bus_stale_owner", company_id=announcement.snapshot.company_id)

    def _mark_dirty(self) -> None:
        """Keep what must arrive; of the rest, the newest snapshot is enough."""
        for announcement in self._queue:
            self._note_dirty(announcement)
        self._queue = deque(item for item in self._queue if item.durable)

    def _make_room(self) -> None:
        for index, announcement in enumerate(self._queue):
            if not announcement.durable:
                self._note_dirty(announcement)
                del self._queue[index]
                return
        self._note_dirty(self._queue.popleft())
        _log.error("bus_queue_overflow", waiting=self.waiting)

    def _note_dirty(self, announcement: Announcement) -> None:
        snapshot = announcement.snapshot
        self._dirty[snapshot.company_id] = snapshot
        self._dirty.move_to_end(snapshot.company_id)

    def _changed(self) -> None:
        _waiting.set(self.waiting)
        if self.waiting:
            self._wake.set()
            self._empty.clear()
        else:
            self._wake.clear()
            self._empty.set()
