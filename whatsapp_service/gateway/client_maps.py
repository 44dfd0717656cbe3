"""The Go side keeps its clients in plain maps: who may touch them, and when."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

T = TypeVar("T")

LOOK_UP_S: Final = 0.05
"""Every call begins by looking its client up, which takes microseconds; whatever the call then
waits for is its own affair. A thread on a busy machine may start late, hence so long."""


class ClientMaps:
    """A look-up beside a change, and two changes at once, kill the process ("concurrent map …").

    Changes go one at a time, when no look-up is under way; look-ups go side by side. First come,
    first served.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._looking_up = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[None]:
        async with self._turn:
            await self._quiet.wait()
            yield

    async def call(self, call: Callable[[], Awaitable[T]]) -> asyncio.Future[T]:
        """Start a call that changes no map; returns when others may go on, not when it ends.

        A call in Go cannot be cancelled: who stops waiting leaves it and its thread behind.
        """
        async with self._turn:
            self._looking_up += 1
            self._quiet.clear()
        future = asyncio.ensure_future(call())
        try:
            await asyncio.wait({future}, timeout=LOOK_UP_S)
        except asyncio.CancelledError:
            future.cancel()
            raise
        finally:
            self._looking_up -= 1
            if not self._looking_up:
                self._quiet.set()
        return future
