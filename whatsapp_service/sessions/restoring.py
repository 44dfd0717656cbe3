"""How far the opening of a process's linked salons has come: in the log, in health, in metrics."""

import time
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

_log = structlog.get_logger(__name__)
_left = Gauge("sessions_restoring", "Linked sessions that are yet to be opened after a start")
_restored = Counter("sessions_restored_total", "Sessions opened after a start", ["outcome"])
_took = Gauge("sessions_restore_seconds", "How long the last restoring took")

LOG_EVERY: Final = 50
"""Sessions."""


class Restoring:
    """Counts one round at a time; sessions that join before its end are of the same round.

    A session counts as done when it is connected, or when it is known that it is not yet: it goes
    on by itself then.
    """

    def __init__(self) -> None:
        self.of = 0
        self.done = 0
        self._connected = 0
        self._began = 0.0

    @property
    def under_way(self) -> bool:
        return self.done < self.of

    def expect(self, sessions: int) -> None:
        """So many more are to be opened."""
        if not self.under_way:
            self.of = self.done = self._connected = 0
            self._began = time.monotonic()
            _log.info("restore_started", sessions=sessions)
        self.of += sessions
        _left.set(self.of - self.done)
        if not self.of:
            self._finish()

    def expect_fewer(self, sessions: int) -> None:
        """So many that were expected have been taken by others."""
        if not sessions:
            return
        self.of -= sessions
        _left.set(self.of - self.done)
        if not self.under_way:
            self._finish()

    def count(self, *, connected: bool) -> None:
        """One is done."""
        self.done += 1
        self._connected += connected
        _left.set(self.of - self.done)
        _restored.labels(outcome="connected" if connected else "not_connected").inc()
        if not self.under_way:
            self._finish()
        elif self.done % LOG_EVERY == 0:
            _log.info("restore_progress", done=self.done, of=self.of, connected=self._connected)

    def describe(self) -> dict[str, int]:
        """Of the present round, or of the last one."""
        return {"done": self.done, "of": self.of}

    def _finish(self) -> None:
        took_s = time.monotonic() - self._began
        _took.set(took_s)
        _log.info(
            "restore_finished", sessions=self.of, connected=self._connected, took_s=round(took_s, 2)
        )
