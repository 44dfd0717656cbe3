"""Whether this process reaches Redis, by its own heartbeats: what its lease tells the others."""

from collections.abc import Callable
from typing import Final

from prometheus_client import Gauge

from whatsapp_service.owners.guard import elapsed_s

_unreached = Gauge("redis_unreached_seconds", "For how long this process has not reached Redis")

LOST_S: Final = 5.0
"""Longer than a beat that hangs and the next one take together."""
STEADY_S: Final = 20.0
"""A way to Redis that comes and goes must hold for so long before others rely on it. When Redis was
away for everybody, all are back long before."""


class Reach:
    """Nothing is known of a process that has just started: it is neither relied on nor avoided."""

    def __init__(self, clock_s: Callable[[], float] = elapsed_s) -> None:
        self._clock_s = clock_s
        self._beaten_at = self._steady_since = clock_s()
        self._was_lost = False

    def start(self) -> None:
        """From now on hearts are expected to beat."""
        self._beaten_at = self._steady_since = self._clock_s()
        _unreached.set_function(lambda: self.lost_s)

    def beat(self, sent_at_s: float) -> None:
        """A heartbeat that was sent then has arrived."""
        if sent_at_s - self._beaten_at > LOST_S:
            self._steady_since = sent_at_s
            self._was_lost = True
        self._beaten_at = max(self._beaten_at, sent_at_s)

    @property
    def lost_s(self) -> float:
        """0.0 while it is reached."""
        silent_s = self._clock_s() - self._beaten_at
        return silent_s if silent_s > LOST_S else 0.0

    @property
    def told(self) -> bool | None:
        """As in `whatsapp_processes.reaches_redis`."""
        if self.lost_s:
            return False
        if self._beaten_at - self._steady_since >= STEADY_S:
            return True
        return False if self._was_lost else None
