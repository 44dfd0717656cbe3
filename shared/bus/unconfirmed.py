"""What Redis has taken and may not have on its disk yet."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from shared.bus.announcement import Announcement

SETTLED_S: Final = 3.0
"""`appendfsync everysec` writes after a second; a busy disk may hold it up for two."""
MAX_UNCONFIRMED: Final = 10_000


class Unconfirmed:
    """Announcements wait here until the server that took them has lived on for `SETTLED_S`.

    When another server answers instead (started again, or promoted) they are to be told again:
    whoever has had one knows it by its id.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._taken: deque[tuple[float, Announcement]] = deque(maxlen=MAX_UNCONFIRMED)
        self.server = ""

    def __len__(self) -> int:
        return len(self._taken)

    def took(self, announcement: Announcement) -> None:
        self._taken.append((self._clock_s(), announcement))

    def confirm(self, server: str) -> list[Announcement]:
        """``server`` answers now. What may be lost, oldest first; it waits here no more."""
        if self.server and server != self.server:
            self.server = server
            lost = [announcement for _, announcement in self._taken]
            self._taken.clear()
            return lost
        self.server = server
        settled = self._clock_s() - SETTLED_S
        while self._taken and self._taken[0][0] <= settled:
            self._taken.popleft()
        return []
