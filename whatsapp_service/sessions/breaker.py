"""How often a session may try: quickly at first, and slowly once too much has failed."""

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FAILURES: Final = 5
WINDOW_S: Final = 300.0
GROWTH: Final = (1.0, 2.5, 5.0, 10.0)
"""Of the wait before each try, in multiples of the first; the failure after them opens it."""
JITTER: Final = (0.8, 1.2)


@dataclass(frozen=True, slots=True)
class Patience:
    """``first_s`` before the first try anew, ``slow_s`` between tries of a session that is broken.

    A connection that is lost before it was open for ``stable_s`` has failed.
    """

    first_s: float = 2.0
    slow_s: float = 300.0
    stable_s: float = 30.0


class Breaker:
    """Of one session. 5 failures within 5 minutes open it; one success closes it."""

    def __init__(self, patience: Patience, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self.is_open = False

    def failed(self) -> float:
        """Seconds until the next try."""
        now = self._clock()
        while self._failures and now - self._failures[0] > WINDOW_S:
            self._failures.popleft()
        self._failures.append(now)
        self.is_open = self.is_open or len(self._failures) == FAILURES
        delay_s = (
            self._patience.slow_s
            if self.is_open
            else self._patience.first_s * GROWTH[len(self._failures) - 1]
        )
        return delay_s * random.uniform(*JITTER)  # noqa: S311 - jitter

    def succeeded(self) -> None:
        self._failures.clear()
        self.is_open = False
