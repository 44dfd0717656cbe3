"""Publishes announcements in order, through Redis outages, without holding a session up."""

import asyncio
import contextlib
from collections import OrderedDict, deque
from dataclasses import replace
from typing import Final

import structlog
from prometheus_client import Counter, Gauge
from redis.exceptions import RedisError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential

from shared.bus.announcement import Announcement, Announcer, AnotherServerError
from shared.bus.faults import is_final
from shared.bus.newest import Newest
from shared.bus.unconfirmed import Unconfirmed
from shared.company_id import SessionId
from shared.lifecycle import raise_if_cancelled

MAX_WAITING: Final = 10_000
RETRY_WAITS_S: Final = (1, 2, 4)
CONFIRM_S: Final = 3.0
_log = structlog.get_logger(__name__)
_failures = Counter("bus_publish_failures_total", "Publications that failed all their retries")
_stale = Counter("bus_publish_stale_total", "Publications refused because a newer owner exists")
_dropped = Counter("bus_publish_dropped_total", "Events that must arrive, given up", ["why"])
_waiting = Gauge("bus_publish_waiting", "Announcements that wait for Redis")


class Publisher:
    """One queue for all sessions, so that each session's events go out in order.

    A publication that fails is retried after 1, 2 and 4 s. After the last the sessions concerned
    are marked dirty: durable events stay in the queue in their order, news of the moment is
    dropped, and when Redis is back the newest status of every dirty session is told. Durable
    events that Redis may have lost with its last second go out again before those in the queue.
    At most `MAX_WAITING` wait; what is given up then is said in the log and counted.
    """

    def __init__(self, announcer: Announcer, *, retry_unit_s: float = 1.0) -> None:
        self._announcer = announcer
        self._queue: deque[Announcement] = deque()
        self._newest = Newest()
        self._dirty: OrderedDict[SessionId, None] = OrderedDict()
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._retry_unit_s = retry_unit_s
        self._unconfirmed = Unconfirmed()

    def publish(self, announcement: Announcement) -> None:
        """Take an announcement over; returns at once."""
        if not announcement.news_only:
            self._newest.take(announcement)
        if len(self._queue) >= MAX_WAITING:
            self._make_room()
        self._queue.append(announcement)
        self._changed()

    def tell_everything_again(self) -> None:
        """After Redis was away it may have lost what it knew of sessions that are quiet."""
        self._dirty.update(dict.fromkeys(self._newest.sessions))
        self._changed()

    def forget(self, session_id: SessionId) -> None:
        """The session is no longer ours to tell about."""
        self._newest.forget(session_id)

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
            try:
                async with asyncio.timeout(CONFIRM_S if self._unconfirmed else None):
                    await self._wake.wait()
            except TimeoutError:
                await self._confirm()
            try:
                if self._queue:
                    await self._publish_first()
                elif self._dirty:
                    await self._tell_dirty()
            except AnotherServerError as other:
                self._take_up(str(other))
            self._changed()

    async def _confirm(self) -> None:
        """Nothing is to be told: look whether the server that took the last events still lives."""
        with contextlib.suppress(RedisError):
            self._take_up(await self._announcer.server())

    def _take_up(self, server: str) -> None:
        """Another server than before may lack the last second of it: that goes out first."""
        lost = self._unconfirmed.confirm(server)
        if lost:
            _log.warning("bus_events_told_again", events=len(lost))
            self._queue.extendleft(map(self._retold, reversed(lost)))

    def _retold(self, announcement: Announcement) -> Announcement:
        """With what is true now beside the event."""
        known = self._newest.of(announcement.snapshot.company_id)
        snapshot = known.snapshot if known else announcement.snapshot
        return replace(announcement, snapshot=snapshot, keep_qr=True, keep_code=True)

    async def _publish_first(self) -> None:
        head = self._queue[0]
        try:
            await self._announce(head)
        except RedisError as error:
            _failures.inc()
            _log.warning("bus_publish_failed", error=type(error).__name__, waiting=self.waiting)
            if not is_final(error):
                self._mark_dirty()
                return
            self._note_dirty(head)
            _give_up(head, "refused")
        if self._queue and self._queue[0] is head:
            self._queue.popleft()

    async def _tell_dirty(self) -> None:
        session_id = next(iter(self._dirty))
        known = self._newest.of(session_id)
        try:
            for announcement in known.again() if known else ():
                await self._announce(announcement)
        except RedisError as error:
            _log.warning("bus_snapshot_failed", error=type(error).__name__, waiting=self.waiting)
            if not is_final(error):
                return
        if self._newest.of(session_id) is known:
            self._dirty.pop(session_id, None)

    async def _announce(self, announcement: Announcement) -> None:
        """Tried again after 1, 2 and 4 s; then raises what Redis, or its absence, says."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda error: not is_final(error)),
            wait=wait_exponential(
                multiplier=self._retry_unit_s * RETRY_WAITS_S[0],
                max=self._retry_unit_s * RETRY_WAITS_S[-1],
            ),
            stop=stop_after_attempt(1 + len(RETRY_WAITS_S)),
            reraise=True,
        ):
            with attempt:
                await self._announce_once(announcement)

    async def _announce_once(self, announcement: Announcement) -> None:
        taken = await self._announcer.announce(announcement, self._unconfirmed.server)
        self._unconfirmed.confirm(taken.server)
        if not taken.accepted:
            _stale.inc()
            _log.warning("bus_stale_owner", company_id=announcement.snapshot.company_id)
        elif announcement.durable:
            self._unconfirmed.took(announcement)

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
        oldest = self._queue.popleft()
        self._note_dirty(oldest)
        _give_up(oldest, "overflow")

    def _note_dirty(self, announcement: Announcement) -> None:
        self._dirty[announcement.snapshot.company_id] = None

    def _changed(self) -> None:
        _waiting.set(self.waiting)
        if self.waiting:
            self._wake.set()
            self._empty.clear()
        else:
            self._wake.clear()
            self._empty.set()


def _give_up(announcement: Announcement, why: str) -> None:
    """Said only of what must arrive."""
    event = announcement.event
    if event is None or not announcement.durable:
        return
    _dropped.labels(why=why).inc()
    _log.error("bus_event_dropped", why=why, type=event.type, company_id=event.company_id)
