"""Publishes announcements in order, through Redis outages, without holding a session up."""

import asyncio
from collections import OrderedDict, deque
from typing import Final

import structlog
from prometheus_client import Counter, Gauge
from redis.exceptions import RedisError, ResponseError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential

from shared.bus.announcement import Announcement, Announcer
from shared.company_id import SessionId
from shared.lifecycle import raise_if_cancelled
from shared.messages.events import StatusChanged
from shared.messages.snapshot import Snapshot
from shared.messages.status import SessionStatus

MAX_WAITING: Final = 10_000
RETRY_WAITS_S: Final = (1, 2, 4)
_PASSING: Final = ("OOM", "LOADING", "READONLY", "BUSY", "MISCONF", "MASTERDOWN", "NOREPLICAS")

_log = structlog.get_logger(__name__)
_failures = Counter("bus_publish_failures_total", "Publications that failed all their retries")
_stale = Counter("bus_publish_stale_total", "Publications refused because a newer owner exists")
_waiting = Gauge("bus_publish_waiting", "Announcements that wait for Redis")


class Publisher:
    """One queue for all sessions, so that each session's events go out in order.

    A publication that fails is retried after 1, 2 and 4 s. After the last the sessions concerned
    are marked dirty: durable events stay in the queue in their order, news of the moment is
    dropped, and when Redis is back the newest status of every dirty session is told.
    """

    def __init__(self, announcer: Announcer, *, retry_unit_s: float = 1.0) -> None:
        self._announcer = announcer
        self._queue: deque[Announcement] = deque()
        self._newest: dict[SessionId, Snapshot] = {}
        self._dirty: OrderedDict[SessionId, None] = OrderedDict()
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._retry_unit_s = retry_unit_s

    def publish(self, announcement: Announcement) -> None:
        """Take an announcement over; returns at once."""
        if not announcement.news_only:
            self._newest[announcement.snapshot.company_id] = announcement.snapshot
        if len(self._queue) >= MAX_WAITING:
            self._make_room()
        self._queue.append(announcement)
        self._changed()

    def tell_everything_again(self) -> None:
        """After Redis was away it may have lost what it knew of sessions that are quiet."""
        self._dirty.update(dict.fromkeys(self._newest))
        self._changed()

    def forget(self, session_id: SessionId) -> None:
        """The session is no longer ours to tell about."""
        self._newest.pop(session_id, None)

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
            if not _is_final(error):
                self._mark_dirty()
                return
        if self._queue and self._queue[0] is head:
            self._queue.popleft()

    async def _tell_dirty(self) -> None:
        session_id = next(iter(self._dirty))
        snapshot = self._newest.get(session_id)
        try:
            if snapshot is not None:
                await self._announce(_status_of(snapshot))
        except RedisError as error:
            _log.warning("bus_snapshot_failed", error=type(error).__name__, waiting=self.waiting)
            if not _is_final(error):
                return
        if self._newest.get(session_id) is snapshot:
            self._dirty.pop(session_id, None)

    async def _announce(self, announcement: Announcement) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda error: not _is_final(error)),
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
        self._dirty[announcement.snapshot.company_id] = None

    def _changed(self) -> None:
        _waiting.set(self.waiting)
        if self.waiting:
            self._wake.set()
            self._empty.clear()
        else:
            self._wake.clear()
            self._empty.set()


def _is_final(error: BaseException) -> bool:
    """Redis has answered, and would answer the same again."""
    if not isinstance(error, RedisError):
        return True
    return isinstance(error, ResponseError) and not str(error).startswith(_PASSING)


def _status_of(snapshot: Snapshot) -> Announcement:
    event = StatusChanged(
        company_id=snapshot.company_id,
        epoch=snapshot.epoch,
        status=snapshot.status,
        reason=snapshot.reason,
        phone_number=snapshot.phone_number,
        queue_position=snapshot.queue_position,
        retry_at=snapshot.retry_at,
        **snapshot.facts(),
    )
    live = snapshot.status in {SessionStatus.QR, SessionStatus.PAIRING}
    return Announcement(snapshot, event, keep_qr=live, keep_code=live)
