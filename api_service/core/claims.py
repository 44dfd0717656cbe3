"""Work under a claim: a right that ends by itself unless it is renewed meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import structlog

from shared.db import DatabaseError

_log = structlog.get_logger(__name__)

T = TypeVar("T")
Renew = Callable[[], Awaitable[bool]]
"""False when the claim is lost. May raise what the database raises."""


class Hold:
    """How long a claim certainly holds, as far as this process knows: it may have stood still.

    Count from before the claim was asked for, on the loop's clock.
    """

    def __init__(self, claim_s: float) -> None:
        self._claim_s = claim_s
        self._until = _now() + claim_s

    def lasts(self) -> bool:
        return _now() < self._until

    def renewing(self, renew: Renew) -> Renew:
        async def noted() -> bool:
            until = _now() + self._claim_s
            kept = await renew()
            if kept:
                self._until = until
            return kept

        return noted


class ClaimLostError(Exception):
    """Somebody else decides now: it was taken over, or taken away."""


async def while_held(renew: Renew, every_s: float, work: Coroutine[Any, Any, T]) -> T:
    """Keeps the claim meanwhile; as soon as it is lost, the work ends by ClaimLostError."""
    name = asyncio.current_task()
    working = asyncio.create_task(work, name=f"work of {name and name.get_name()}")
    renewing = asyncio.create_task(_renew(renew, every_s), name="claim")
    try:
        await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            renewing.result()
        return working.result()
    finally:
        working.cancel()
        renewing.cancel()
        await asyncio.gather(working, renewing, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _renew(renew: Renew, every_s: float) -> NoReturn:
    """While Postgres is away nothing is known: the claim's own end decides then."""
    while True:
        await asyncio.sleep(every_s)
        try:
            kept = await renew()
        except DatabaseError as error:
            _log.warning("claim_not_renewed", error=type(error).__name__)
            continue
        if not kept:
            raise ClaimLostError
