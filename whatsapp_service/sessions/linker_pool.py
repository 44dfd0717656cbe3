"""Linker processes: kept warm, bounded in number, handed out in the order of asking."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from whatsapp_service.sessions.linker import Linker, LinkerGoneError

_log = structlog.get_logger(__name__)
_in_use = Gauge("linkers_in_use", "Link attempts under way")
_queued = Gauge("linkers_queued", "Salons that wait for a linker")
_started = Counter("linkers_started_total", "Linker processes started", ["outcome"])

RETRY_S: Final = 2.0

OnPosition = Callable[[int], object]


class QueueFullError(Exception):
    """More salons wait than the queue holds."""


class Slot:
    """The right to run one linker process at a time, until released."""

    def __init__(self, pool: "LinkerPool", on_position: OnPosition) -> None:
        self._pool = pool
        self._linker: Linker | None = None
        self.on_position = on_position
        self.granted = asyncio.Event()

    async def fresh_linker(self) -> Linker:
        """End the slot's present linker, if any, and give another. Raises LinkerGoneError."""
        await self.end_linker()
        self._linker = await self._pool.take_warm()
        return self._linker

    async def release(self) -> None:
        """End the linker and let the next one in. Idempotent."""
        try:
            await asyncio.shield(self.end_linker())
        finally:
            self._pool.leave(self)

    async def end_linker(self) -> None:
        """Returns when its process is gone. Idempotent."""
        linker, self._linker = self._linker, None
        if linker is not None:
            await linker.end()


class LinkerPool:
    """At most ``capacity`` slots; beyond that a queue of at most ``queue_limit``.

    ``spares`` processes with the library loaded wait to be used, so that a QR needs no start-up.
    """

    def __init__(
        self,
        *,
        capacity: int,
        spares: int,
        queue_limit: int,
        start: Callable[[], Awaitable[Linker]] = Linker.start,
    ) -> None:
        self._capacity = capacity
        self._spares = spares
        self._queue_limit = queue_limit
        self._start = start
        self._warm: deque[Linker] = deque()
        self._in_use: set[Slot] = set()
        self._queue: deque[Slot] = deque()
        self._taken = asyncio.Event()

    @property
    def warm(self) -> int:
        return len(self._warm)

    def ask(self, on_position: OnPosition) -> Slot:
        """A slot that is granted now or later. Raises QueueFullError.

        ``on_position`` is told the place in the queue, from 1, now and at each change.
        """
        slot = Slot(self, on_position)
        if len(self._in_use) < self._capacity and not self._queue:
            self._grant(slot)
        elif len(self._queue) >= self._queue_limit:
            raise QueueFullError
        else:
            self._queue.append(slot)
            on_position(len(self._queue))
        self._measure()
        return slot

    def leave(self, slot: Slot) -> None:
        self._in_use.discard(slot)
        if slot in self._queue:
            self._queue.remove(slot)
        while self._queue and len(self._in_use) < self._capacity:
            self._grant(self._queue.popleft())
        for position, waiting in enumerate(self._queue, start=1):
            waiting.on_position(position)
        self._measure()

    async def take_warm(self) -> Linker:
        """A spare, or a new one. Raises LinkerGoneError."""
        while self._warm:
            linker = self._warm.popleft()
            self._taken.set()
            if linker.alive:
                return linker
            await linker.end()
        return await self._start_one()

    async def put_back(self, linker: Linker) -> None:
        """Return one that was taken and has not begun to link."""
        if linker.alive and len(self._warm) < self._spares:
            self._warm.append(linker)
        else:
            await linker.end()

    async def run(self) -> None:
        """Keep the spares warm; end them when cancelled."""
        try:
            while True:
                self._taken.clear()
                while len(self._warm) < self._spares:
                    try:
                        self._warm.append(await self._start_one())
                    except (LinkerGoneError, TimeoutError):
                        await asyncio.sleep(RETRY_S)
                await self._taken.wait()
        finally:
            while self._warm:
                await self._warm.popleft().end()

    async def _start_one(self) -> Linker:
        try:
            linker = await self._start()
        except (LinkerGoneError, TimeoutError):
            _started.labels(outcome="failed").inc()
            _log.error("linker_start_failed")
            raise
        _started.labels(outcome="ready").inc()
        return linker

    def _grant(self, slot: Slot) -> None:
        self._in_use.add(slot)
        slot.granted.set()

    def _measure(self) -> None:
        _in_use.set(len(self._in_use))
        _queued.set(len(self._queue))
