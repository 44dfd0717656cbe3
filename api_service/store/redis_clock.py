"""Redis' clock on the event loop's, known better than any single answer tells it."""

from dataclasses import dataclass
from typing import Final

DRIFT: Final = 0.001
"""By how much two clocks may come apart in a second, while one of them is being set right."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """Redis' clock was ahead of the loop's by ``ahead_s``, give or take ``doubt_s``."""

    ahead_s: float
    doubt_s: float
    at: float

    def doubt_at(self, now: float) -> float:
        return self.doubt_s + DRIFT * (now - self.at)


class RedisClock:
    """Redis said its time somewhere between a question and its answer, far apart when it is busy.

    The narrowest of these readings counts, until it is old or the clock has been set anew.
    """

    def __init__(self) -> None:
        self._best: _Reading | None = None

    def read(self, said_s: float, asked: float, heard: float) -> None:
        new = _Reading(said_s - (asked + heard) / 2, (heard - asked) / 2, heard)
        best = self._best
        if best is None or new.doubt_s <= best.doubt_at(heard) or _contradict(best, new, heard):
            self._best = new

    def span(self, moment_s: float, now: float) -> tuple[float, float]:
        """Between which two moments of the loop's clock a moment of Redis' clock lies."""
        assert self._best is not None
        middle, doubt_s = moment_s - self._best.ahead_s, self._best.doubt_at(now)
        return middle - doubt_s, middle + doubt_s


def _contradict(one: _Reading, other: _Reading, now: float) -> bool:
    return abs(one.ahead_s - other.ahead_s) > one.doubt_at(now) + other.doubt_at(now)
