"""A budget and a breaker without Redis, and a client that takes them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from api_service.yclients.access import Access
from api_service.yclients.client import Yclients
from api_service.yclients.errors import YclientsError

APPLICATION_ID: Final = 77
PARTNER_TOKEN: Final = "test-partner-token-0123456789"
ACCEPT: Final = "application/vnd.yclients.v2+json"
ACTIVE: Final = {"connection_status": {"status": "active", "created_at": "2026-03-01 10:00:00"}}


@dataclass
class FreeBudget:
    """Every turn is now and stays good. ``refuses``: there is none; ``raises``: Redis is away.

    ``swallows``: it waits until it is cancelled, and gives the turn all the same, as redis-py may.
    """

    good_for_s: float = 3600
    refuses: bool = False
    raises: Exception | None = None
    swallows: bool = False
    turns: list[bool] = field(default_factory=list)

    async def turn(self, deadline: float, *, background: bool) -> float | None:
        assert deadline >= 0
        if self.raises is not None:
            raise self.raises
        self.turns.append(background)
        if self.swallows:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        return None if self.refuses else asyncio.get_running_loop().time() + self.good_for_s


@dataclass(frozen=True)
class Admitted:
    admitted: bool = True
    wait_ms: int = 0


@dataclass
class NotedBreaker:
    """Writes down what it is told. ``hangs``: Redis stands still as soon as it has been."""

    admission: Admitted = Admitted()
    raises: Exception | None = None
    hangs: bool = False
    told: list[str] = field(default_factory=list)

    async def enter(self) -> Admitted:
        if self.raises is not None:
            raise self.raises
        return self.admission

    async def succeeded(self) -> None:
        await self._tell("succeeded")

    async def failed(self) -> None:
        await self._tell("failed")

    async def withdrew(self) -> None:
        await self._tell("withdrew")

    async def _tell(self, word: str) -> None:
        self.told.append(word)
        if self.hangs:
            await asyncio.Event().wait()


@dataclass(frozen=True)
class Bench:
    client: Yclients
    budget: FreeBudget
    breaker: NotedBreaker


@contextlib.asynccontextmanager
async def client_at(url: str, **changes: Any) -> AsyncIterator[Bench]:
    given: dict[str, Any] = {
        "marketplace_url": url,
        "partner_token": PARTNER_TOKEN,
        "application_id": APPLICATION_ID,
        "accept": ACCEPT,
        "call_s": 30.0,
    }
    budget, breaker = FreeBudget(), NotedBreaker()
    client = Yclients(Access(**{**given, **changes}), budget, breaker)
    try:
        yield Bench(client, budget, breaker)
    finally:
        await client.close()


async def end_of(call: Awaitable[object]) -> YclientsError:
    with pytest.raises(YclientsError) as raised:
        await call
    return raised.value
