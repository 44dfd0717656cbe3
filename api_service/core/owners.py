"""Which WhatsApp processes live, so that a killed one is neither believed nor waited for."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from shared.bus.connection import BusError
from shared.bus.heartbeat import Heartbeats
from shared.errors import AppError, ErrorCode
from shared.lifecycle import raise_if_cancelled

_log = structlog.get_logger(__name__)
_living = Gauge("whatsapp_processes_living", "WhatsApp processes whose heart beats")
_gone = Counter("whatsapp_processes_gone_total", "WhatsApp processes that ended or were killed")

LOOK_EVERY_S: Final = 0.5
LOOK_S: Final = 2.0
"""How long one look may take."""

SILENCE_S: Final = 2.5
"""A process is lost when its heartbeat is missing for this long: after a restart of an empty Redis
it takes a moment until every heart has beaten again."""

RESTART_S: Final = 8.0
"""How long a supervisor may take to start a process again before a request is refused."""

RETRY_AFTER_S: Final = 10
REMEMBERED: Final = 100

OnChange = Callable[[bool], Awaitable[None]]
Living = frozenset[str]


class Owners:
    """The view of this API process. While Redis is away nothing is known and nobody is lost."""

    def __init__(
        self, heartbeats: Heartbeats, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._heartbeats = heartbeats
        self._clock_s = clock_s
        self._living: Living = frozenset()
        self._last_seen: OrderedDict[str, float] = OrderedDict()
        self._known_since: float | None = None
        self._seen_one = 0.0
        self._returned = False
        self._hope = asyncio.Event()
        self._hope.set()

    def lost(self, process_id: str) -> bool:
        """Writers of the old contract have no id and cannot be lost."""
        if self._known_since is None or not process_id or process_id in self._living:
            return False
        silent_since = max(self._known_since, self._last_seen.get(process_id, 0.0))
        return self._clock_s() - silent_since >= SILENCE_S

    @property
    def none_lives(self) -> bool:
        """False as long as it is not certain."""
        return self._absence_s() >= SILENCE_S

    async def wait_for_one(self, patience_s: float) -> float:
        """Returns when a process lives that can take a command: as a rule at once; seconds waited.

        One that was there a moment ago is being started again by its supervisor. Raises
        AppError(SERVICE_UNAVAILABLE, retry_after) when none is to be expected.
        """
        started = self._clock_s()
        if not self._hope.is_set():
            await self._look()
        patience_s = min(patience_s, RESTART_S - self._absence_s())
        try:
            async with asyncio.timeout(max(0.0, patience_s)):
                await self._hope.wait()
        except TimeoutError:
            raise AppError(ErrorCode.SERVICE_UNAVAILABLE, retry_after=RETRY_AFTER_S) from None
        return self._clock_s() - started

    async def run(self, on_change: OnChange) -> None:
        """Look again and again; ``on_change`` runs after every change of who lives and is lost.

        Its argument: whether one lives again after it was certain that none did.
        """
        told: object = None
        while True:
            raise_if_cancelled()
            await self._look()
            lost = frozenset(name for name in self._last_seen if self.lost(name))
            view = (self._living, lost, self.lost("any other"))
            if view != told and await self._tell(on_change):
                told = view
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                living = await self._heartbeats.living()
        except (BusError, OSError, TimeoutError):
            self._known_since, self._living = None, frozenset()
            self._hope.set()
            return
        self.note(living)

    def note(self, living: Living) -> None:
        """Take in what a look has shown."""
        now = self._clock_s()
        if self._known_since is None:
            self._known_since = now
        self._returned |= bool(living) and self.none_lives
        for gone in self._living - living:
            _gone.inc()
            _log.warning("whatsapp_process_gone", process_id=gone)
        for name in living:
            self._last_seen[name] = now
            self._last_seen.move_to_end(name)
        while len(self._last_seen) > REMEMBERED:
            self._last_seen.popitem(last=False)
        self._living = living
        _living.set(len(living))
        if living:
            self._seen_one = now
            self._hope.set()
        else:
            self._hope.clear()

    def _absence_s(self) -> float:
        """For how long no process at all has lived; 0 when one does, or when it is not known."""
        if self._known_since is None or self._living:
            return 0.0
        return self._clock_s() - max(self._known_since, self._seen_one)

    async def _tell(self, on_change: OnChange) -> bool:
        try:
            await on_change(self._returned)
        except (BusError, OSError, TimeoutError) as error:
            _log.warning("owner_change_not_told", error=type(error).__name__)
            return False
        self._returned = False
        return True
