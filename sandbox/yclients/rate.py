"""At most 5 requests a second and 200 a minute from one address (D1)."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

PER_SECOND: Final = 5
PER_MINUTE: Final = 200
_MINUTE_S: Final = 60.0


class RateLimit:
    """Counts what comes; ``most_in_a_second``, ``most_in_a_minute`` are the peaks it has seen.

    What is refused counts, too.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.enforced = True
        self.calls = 0
        self.refused = 0
        self.most_in_a_second = 0
        self.most_in_a_minute = 0
        self._clock_s = clock_s
        self._came: dict[str, deque[float]] = {}

    def admit(self, address: str) -> bool:
        now = self._clock_s()
        came = self._came.setdefault(address, deque())
        came.append(now)
        while came[0] <= now - _MINUTE_S:
            came.popleft()
        in_a_second = sum(1 for moment in reversed(came) if moment > now - 1.0)
        self.most_in_a_second = max(self.most_in_a_second, in_a_second)
        self.most_in_a_minute = max(self.most_in_a_minute, len(came))
        self.calls += 1
        if self.enforced and (in_a_second > PER_SECOND or len(came) > PER_MINUTE):
            self.refused += 1
            return False
        return True

    def reset(self) -> None:
        self.calls = self.refused = self.most_in_a_second = self.most_in_a_minute = 0
        self._came.clear()
