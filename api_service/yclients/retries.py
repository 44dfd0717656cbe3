"""When a question is asked again, and after what pause."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from api_service.yclients.errors import AmbiguousError, NotSentError

ATTEMPTS: Final = 4
HURRIED_ATTEMPTS: Final = 2
"""While a person waits for the answer."""
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 8.0
RATE_LIMIT_PAUSE_S: Final = 1.0
"""After a 429 that does not say how long."""

_back_off: Final = wait_random_exponential(multiplier=FIRST_PAUSE_S, max=LONGEST_PAUSE_S)

T = TypeVar("T")


async def asked_again(deadline: float, attempt: Callable[[], Awaitable[T]], *, hurried: bool) -> T:
    """The first attempt that succeeds, else what the last one raised.

    ``deadline`` on the loop's clock: no pause goes beyond it.
    """
    left_s = deadline - asyncio.get_running_loop().time()
    retrying = AsyncRetrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_attempt(HURRIED_ATTEMPTS if hurried else ATTEMPTS)
        | stop_before_delay(left_s),
        wait=_pause_s,
        reraise=True,
    )
    return await retrying(attempt)


def _may_pass(error: BaseException) -> bool:
    """A refusal stays one; the budget and the breaker have said for themselves when to come."""
    if isinstance(error, NotSentError):
        return error.reason in {"unreachable", "rate_limited"}
    return isinstance(error, AmbiguousError)


def _pause_s(state: RetryCallState) -> float:
    """Full jitter; after a 429 added to what was asked for, so that not all come back together."""
    jitter_s = _back_off(state)
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, NotSentError) and error.reason == "rate_limited":
        return (error.retry_after_s or RATE_LIMIT_PAUSE_S) + jitter_s
    return jitter_s
