"""When something last happened in this process."""

import time

from shared.clock import Milliseconds, now_ms


class Activity:
    def __init__(self) -> None:
        self._started = time.monotonic()
        self.last_event_ms: Milliseconds | None = None
        """When a session event last came from Redis."""

    def note_event(self) -> None:
        self.last_event_ms = now_ms()

    @property
    def uptime_s(self) -> float:
        return time.monotonic() - self._started
