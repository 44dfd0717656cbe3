"""What became of a request: whoever asked waits here for the events of the salon's session."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from shared.company_id import SessionId
from shared.errors import AppError
from shared.lifecycle import raise_if_cancelled
from shared.messages.events import AnySessionEvent

T_co = TypeVar("T_co", covariant=True)


class Expectation(Generic[T_co]):
    """``decide`` turns the deciding event into an outcome and every other one into None."""

    def __init__(self, decide: Callable[[AnySessionEvent], T_co | None]) -> None:
        self._decide = decide
        self._outcome: asyncio.Future[T_co] = asyncio.get_running_loop().create_future()

    def take(self, event: AnySessionEvent) -> None:
        if not self._outcome.done() and (outcome := self._decide(event)) is not None:
            self._outcome.set_result(outcome)

    def fail(self, error: AppError) -> None:
        if not self._outcome.done():
            self._outcome.set_exception(error)

    async def outcome(self, timeout_s: float) -> T_co:
        """Raises TimeoutError, and the AppError of `Outcomes.fail`."""
        raise_if_cancelled()
        async with asyncio.timeout(timeout_s):
            return await self._outcome


class Outcomes:
    """Fed by the one event subscription of the process."""

    def __init__(self) -> None:
        self._expectations: dict[SessionId, set[Expectation[object]]] = {}

    def take(self, event: AnySessionEvent) -> None:
        for expectation in tuple(self._expectations.get(event.company_id, ())):
            expectation.take(event)

    def fail(self, session_id: SessionId, error: AppError) -> None:
        """Nobody will answer what is waited for."""
        for expectation in tuple(self._expectations.get(session_id, ())):
            expectation.fail(error)

    @contextlib.contextmanager
    def expecting(self, session_id: SessionId, expectation: Expectation[object]) -> Iterator[None]:
        """Enter before the command is sent, so that no answer comes too early."""
        waiting = self._expectations.setdefault(session_id, set())
        waiting.add(expectation)
        try:
            yield
        finally:
            waiting.discard(expectation)
            if not waiting:
                self._expectations.pop(session_id, None)

    @property
    def sessions(self) -> list[SessionId]:
        return list(self._expectations)

    @property
    def waiting(self) -> int:
        return sum(len(waiting) for waiting in self._expectations.values())
