"""Waiting for a condition with a deadline, in place of sleeping and hoping."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, overload

PATIENCE_S: Final = 30.0
"""Only what fails waits for so long: a machine with a load of 16 needs more than 5 s at times."""
POLL_INTERVAL_S: Final = 0.01
LONGEST_INTERVAL_S: Final = 0.1
LOOKING: Final = 0.25
"""The share of a wait that goes to looking: whoever is waited for needs the processor, too.
Where one look takes longer than 30 ms it is more."""

T = TypeVar("T")


@overload
async def wait_until(
    predicate: Callable[[], Awaitable[T]], timeout_s: float = ..., what: str = ...
) -> T: ...


@overload
async def wait_until(predicate: Callable[[], T], timeout_s: float = ..., what: str = ...) -> T: ...


async def wait_until(
    predicate: Callable[[], object], timeout_s: float = PATIENCE_S, what: str = ""
) -> object:
    """Return the first truthy answer of `predicate`, which may be a coroutine function.

    Raises TimeoutError, naming `what` was waited for, after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        began = time.monotonic()
        answer = predicate()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(_complaint(predicate, timeout_s, what))
        await asyncio.sleep(_pause_s(time.monotonic() - began))


def block_until(predicate: Callable[[], T], timeout_s: float = PATIENCE_S, what: str = "") -> T:
    """As `wait_until`, for tests without an event loop."""
    deadline = time.monotonic() + timeout_s
    while True:
        began = time.monotonic()
        if answer := predicate():
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(_complaint(predicate, timeout_s, what))
        time.sleep(_pause_s(time.monotonic() - began))


def _pause_s(look_s: float) -> float:
    return min(max(POLL_INTERVAL_S, look_s * (1 / LOOKING - 1)), LONGEST_INTERVAL_S)


def _complaint(predicate: Callable[[], object], timeout_s: float, what: str) -> str:
    name = what or getattr(predicate, "__qualname__", repr(predicate))
    return f"not within {timeout_s} s: {name}"
