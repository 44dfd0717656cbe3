"""Stands where the API process stands: sends commands, sees every event."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from shared.bus.commands import CommandSender
from shared.bus.connection import connect_redis
from shared.bus.snapshots import PresentState, Snapshots
from shared.bus.subscriber import EventSubscriber
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.errors import ErrorCode
from shared.messages.commands import (
    Command,
    Freeze,
    RequestPairingCode,
    RequestQr,
    Thaw,
    Unlink,
)
from shared.messages.envelope import new_id
from shared.messages.events import AnySessionEvent, CommandResult, StatusChanged
from shared.messages.status import SessionStatus
from tests.support.waiting import PATIENCE_S, wait_until

COMMAND_LIFETIME_MS = 40_000
"""A linker that has to be started on a busy machine takes half of it."""
EVENT_S = 45.0
"""Longer than a command lives: whoever fails says why."""

E = TypeVar("E", bound=AnySessionEvent)


class BusProbe:
    def __init__(self, redis_url: str) -> None:
        self.redis = connect_redis(redis_url)
        self.events: list[AnySessionEvent] = []
        self._sender = CommandSender(self.redis)
        self._snapshots = Snapshots(self.redis)
        self.subscriber = EventSubscriber(self.redis, self._take)

    async def _take(self, event: AnySessionEvent) -> None:
        self.events.append(event)

    async def request_qr(self, session_id: SessionId) -> str:
        """Send the command; its id."""
        return await self._send(RequestQr(**_envelope(session_id)))

    async def request_code(self, session_id: SessionId, phone: str) -> str:
        """Send the command; its id."""
        return await self._send(RequestPairingCode(**_envelope(session_id), phone_number=phone))

    async def unlink(self, session_id: SessionId, *, uninstalled: bool | None = None) -> str:
        """Send the command; its id."""
        return await self._send(Unlink(**_envelope(session_id), uninstalled=uninstalled))

    async def freeze(self, session_id: SessionId) -> str:
        """Send the command; its id."""
        return await self._send(Freeze(**_envelope(session_id)))

    async def thaw(self, session_id: SessionId) -> str:
        """Send the command; its id."""
        return await self._send(Thaw(**_envelope(session_id)))

    async def _send(self, command: Command) -> str:
        await self._sender.send(command)
        return command.command_id

    async def result(self, command_id: str, session_id: SessionId) -> CommandResult:
        return await self.event(
            CommandResult, session_id, where=lambda event: event.command_id == command_id
        )

    async def obeyed(
        self, ask: Callable[[SessionId], Awaitable[str]], session_id: SessionId
    ) -> None:
        """Asked again when Postgres has not answered within the process' 4 s, as a job does."""

        async def done() -> bool:
            result = await self.result(await ask(session_id), session_id)
            assert result.success or result.code is ErrorCode.SERVICE_UNAVAILABLE, result
            return result.success

        await wait_until(done, what=f"{session_id} obeys")

    async def event(
        self,
        kind: type[E],
        session_id: SessionId,
        *,
        where: Callable[[E], bool] = lambda _: True,
        after: int = 0,
        timeout_s: float = EVENT_S,
    ) -> E:
        """The first such event from position `after` of `events` on."""

        def found() -> E | None:
            for event in self.events[after:]:
                if isinstance(event, kind) and event.company_id == session_id and where(event):
                    return event
            return None

        event = await wait_until(found, timeout_s, f"{kind.__name__} of {session_id}")
        assert event is not None
        return event

    async def status(
        self,
        status: SessionStatus,
        session_id: SessionId,
        *,
        after: int = 0,
        timeout_s: float = EVENT_S,
    ) -> StatusChanged:
        return await self.event(
            StatusChanged,
            session_id,
            where=lambda event: event.status is status,
            after=after,
            timeout_s=timeout_s,
        )

    def statuses(self, session_id: SessionId) -> list[SessionStatus]:
        return [
            event.status
            for event in self.events
            if isinstance(event, StatusChanged) and event.company_id == session_id
        ]

    async def present_state(self, session_id: SessionId) -> PresentState:
        return await self._snapshots.present_state(session_id)


def _envelope(session_id: SessionId) -> dict[str, Any]:
    now = now_ms()
    return {
        "command_id": new_id(),
        "company_id": session_id,
        "issued_at": now,
        "expires_at": now + COMMAND_LIFETIME_MS,
    }


@asynccontextmanager
async def bus_probe(redis_url: str) -> AsyncIterator[BusProbe]:
    probe = BusProbe(redis_url)
    task = asyncio.create_task(probe.subscriber.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await probe.subscriber.listener.subscribed.wait()
        yield probe
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await probe.redis.aclose()
