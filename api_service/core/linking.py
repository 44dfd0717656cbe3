"""What both ways of linking share: when not to begin, and what a failure is called."""

import contextlib
import math
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from prometheus_client import Counter, Histogram

from api_service.core.outcomes import Outcomes
from api_service.core.owners import Owners
from shared.bus.commands import CommandSender
from shared.bus.snapshots import PresentState
from shared.clock import Milliseconds, now_ms
from shared.db import within
from shared.errors import AppError, ErrorCode
from shared.messages.status import SessionStatus

_log = structlog.get_logger(__name__)
_requests = Counter(
    "linking_requests_total", "Requests for a QR or a code, by outcome", ["kind", "outcome"]
)
_seconds = Histogram(
    "linking_request_seconds",
    "Time until a QR or a code was there",
    ["kind"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 13, 20),
)


LATE_S: Final = 1.0

T = TypeVar("T")


class AnnouncedError(AppError):
    """A failure that every page of the salon has been told by an event already."""


@dataclass(frozen=True, slots=True)
class SessionLine:
    """How a request reaches a session, and its answer whoever asked."""

    owners: Owners
    commands: CommandSender
    outcomes: Outcomes


def refuse_linking(state: PresentState) -> None:
    """Raises AppError(SALON_FROZEN) or, while the salon is linked, AppError(ALREADY_CONNECTED)."""
    snapshot = state.snapshot
    if snapshot is not None and snapshot.status is SessionStatus.FROZEN:
        raise AppError(ErrorCode.SALON_FROZEN)
    if snapshot is not None and (
        snapshot.connected
        or snapshot.status in {SessionStatus.CONNECTED, SessionStatus.RECONNECTING}
    ):
        raise AppError(ErrorCode.ALREADY_CONNECTED)


def alive(expires_at: int) -> bool:
    return expires_at > now_ms()


def seconds_left(expires_at: int) -> int:
    """Whole seconds, as a page counts them down."""
    return max(0, math.ceil((expires_at - now_ms()) / 1000))


def deadline_ms(timeout_s: float) -> Milliseconds:
    return Milliseconds(now_ms() + round(timeout_s * 1000))


async def answered(deadline_s: float, work: Coroutine[Any, Any, T]) -> T:
    """Raises AppError(SERVICE_UNAVAILABLE) a moment after the deadline.

    It has its own error for that, as a rule; but a Redis that stands still is waited for, call by
    call, for 10 s.
    """
    try:
        return await within(deadline_s + LATE_S, work)
    except TimeoutError:
        raise AppError(ErrorCode.SERVICE_UNAVAILABLE) from None


@contextlib.contextmanager
def measured(kind: str) -> Iterator[None]:
    """Counts an outcome, times a success, logs a failure by its code."""
    started = time.perf_counter()
    try:
        yield
    except AppError as error:
        _requests.labels(kind=kind, outcome=error.code.value).inc()
        _log.info("linking_refused", kind=kind, code=error.code)
        raise
    _requests.labels(kind=kind, outcome="given").inc()
    _seconds.labels(kind=kind).observe(time.perf_counter() - started)
