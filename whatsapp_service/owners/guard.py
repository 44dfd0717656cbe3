"""Ends this process in time when it may have lost its sessions without knowing it."""

import os
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

_log = structlog.get_logger(__name__)

SIGN_LIMIT_S: Final = 12.0
"""Without a sign of life for so long we end: others take our sessions after 15 s (`Lease`)."""

LOOK_EVERY_S: Final = 0.25
EXIT_START_AGAIN: Final = 75
"""EX_TEMPFAIL: a supervisor starts us again, also one that leaves alone what has ended with 0."""


def elapsed_s() -> float:
    """Goes on while the machine sleeps, unlike ``time.monotonic``."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def end_at_once() -> None:
    """Nothing is closed in order: the library would reconnect a lost socket meanwhile."""
    os._exit(EXIT_START_AGAIN)


class Guard:
    """A thread, because an event loop that stands still cannot look at the clock.

    A sign of life is a renewed lease in Postgres or a heartbeat in Redis; it counts from the moment
    in which it was sent.
    """

    def __init__(
        self, limit_s: float = SIGN_LIMIT_S, end: Callable[[], None] = end_at_once
    ) -> None:
        self._limit_s = limit_s
        self._end = end
        self._sign_at = elapsed_s()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._sign_at = elapsed_s()
        self._thread = threading.Thread(target=self._watch, name="guard", daemon=True)
        self._thread.start()

    def sign(self, sent_at_s: float) -> None:
        """``sent_at_s`` by `elapsed_s`."""
        self._sign_at = max(self._sign_at, sent_at_s)

    def stop(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(1)

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_EVERY_S):
            silent_s = elapsed_s() - self._sign_at
            if silent_s > self._limit_s:
                _log.error("no_sign_of_life", silent_s=round(silent_s, 1))
                self._end()
                return
