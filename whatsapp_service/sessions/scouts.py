"""While WhatsApp cannot be reached, one session at a time finds out whether it can be again."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from prometheus_client import Gauge

from whatsapp_service.sessions.routes import Route

_away = Gauge("whatsapp_unreachable_ways", "Ways on which WhatsApp cannot be reached")

BELIEVED_AFTER: Final = 3
"""Openings that fail one after the other, of whatever salons."""
SCOUT_S: Final = 30.0
"""A scout of which nothing is heard for so long has gone: its salon was unlinked, say."""


@dataclass(slots=True)
class _Way:
    failures: int = 0
    scout_since: float | None = None


class Scouts:
    """One for the whole process, and each way by itself: a proxy may be cut off alone.

    Each opening that fails costs: the library keeps two connections to Postgres of every client it
    was ever asked for, and thousands of salons would ask anew every few minutes.
    """

    def __init__(self, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._ways: dict[str, _Way] = {}
        _away.set_function(self._count_away)

    def may_try(self, route: Route) -> bool:
        """Whoever may is the scout, and tells by `reached` or `failed` what became of it."""
        way = self._ways.get(_name(route))
        if way is None or way.failures < BELIEVED_AFTER:
            return True
        now = self._clock_s()
        if way.scout_since is not None and now - way.scout_since < SCOUT_S:
            return False
        way.scout_since = now
        return True

    def reached(self, route: Route) -> None:
        """WhatsApp has answered, whatever it said."""
        self._ways.pop(_name(route), None)

    def failed(self, route: Route) -> None:
        way = self._ways.setdefault(_name(route), _Way())
        way.failures += 1
        way.scout_since = None

    def _count_away(self) -> int:
        return sum(way.failures >= BELIEVED_AFTER for way in self._ways.values())


def _name(route: Route) -> str:
    return route.for_library if route else ""
