"""What the library logs, of which an outage would write a line per salon and try."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from prometheus_client import Counter as Figure

_left_out = Figure("library_log_lines_left_out_total", "Lines of the library that say nothing new")

LOGGER: Final = "whatsmeow"
KIND_LENGTH: Final = 40
"""Characters by which lines are told apart; what differs between salons comes later."""
PER_MINUTE: Final = 5
KINDS: Final = 200


class LibraryLog(logging.Filter):
    """Lets five lines of a kind pass in a minute. They name no salon: the session's own do."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock_s = clock_s
        self._since = clock_s()
        self._said: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(LOGGER):
            return True
        if self._clock_s() - self._since >= 60 or len(self._said) > KINDS:  # noqa: PLR2004 - s
            self._since = self._clock_s()
            self._said.clear()
        kind = record.getMessage()[:KIND_LENGTH]
        self._said[kind] += 1
        passes = self._said[kind] <= PER_MINUTE
        if not passes:
            _left_out.inc()
        return passes


def quieten_library() -> None:
    """At the handlers, since a logger's filter does not see what its children log."""
    for handler in logging.getLogger().handlers:
        if not any(isinstance(each, LibraryLog) for each in handler.filters):
            handler.addFilter(LibraryLog())
