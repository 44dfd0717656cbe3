"""Waiting for a condition with a deadline, in place of sleeping and hoping."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, overload

POLL_INTERVAL_S: Final = 0.01

T = TypeVar("T")


@overload
async def wait_until(
    predicate: Callable[[], Awaitable[T]], timeout_s: float = ..., what: str = ...
) -> T: ...


@overload
async def wait_until(predicate: Callable[[], T], timeout_s: float = ..., what: str = ...) -> T: ...


async def wait_until(
    predicate: Callable[[], object], timeout_s: float = 5.0, what: str = ""
) -> object:
    """Return the first truthy answer of `predicate`, which may be a coroutine function.

    Raises TimeoutError, naming `what` was waited for, after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        answer = predicate()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(_complaint(predicate, timeout_s, what))
        await asyncio.sleep(POLL_INTERVAL_S)


def block_until(predicate: Callable[[], T], timeout_s: float = 5.0, what: str = "") -> T:
    """As `wait_until`, for tests without an event loop."""
    deadline = time.monotonic() + timeout_s
    while not (answer := predicate()):
        if time.monotonic() > deadline:
            raise TimeoutError(_complaint(predicate, timeout_s, what))
        time.sleep(POLL_INTERVAL_S)
    return answer


def _complaint(predicate: Callable[[], object], timeout_s: float, what: str) -> str:
    name = what or getattr(predicate, "__qualname__", repr(predicate))
    return f"not within {timeout_s} s: {name}"
