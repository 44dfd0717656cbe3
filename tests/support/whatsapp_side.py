"""The WhatsApp process as the API sees it: the real bus, driven by a test."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from redis.asyncio import Redis

from shared.bus.announcement import Announcement, Announcer
from shared.bus.commands import CommandConsumer
from shared.bus.connection import connect_redis
from shared.bus.ping import PingResponder
from shared.clock import Milliseconds, now_ms
from shared.company_id import SessionId
from shared.errors import ErrorCode
from shared.messages.commands import Command, RequestPairingCode
from shared.messages.events import (
    AnySessionEvent,
    CommandResult,
    Connected,
    Disconnected,
    PairingCode,
    PairingCodeError,
    Qr,
    StatusChanged,
)
from shared.messages.snapshot import LiveCode, LiveQr, Snapshot
from shared.messages.status import Reason, SessionStatus
from tests.support.heart import PatientHeart

READY_S: Final = 40.0
PROCESS_ID: Final = "whatsapp-side-1"
"""Its snapshots carry it, and its heart beats."""

Reaction = Callable[[Command], Awaitable[None]]


class WhatsAppSide:
    """Takes every command; ``reaction`` says what then happens, nothing by default.

    ``refused``: those that came after their deadline.
    """

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.process_id = PROCESS_ID
        self.commands: list[Command] = []
        self.refused: list[Command] = []
        self.reaction: Reaction | None = None
        self._announcer = Announcer(redis)
        self.store_answers: bool | None = None
        self._responder = PingResponder(redis, PROCESS_ID, store_answers=lambda: self.store_answers)
        self._heart = PatientHeart(redis, PROCESS_ID)
        self._consumer = CommandConsumer(redis, PROCESS_ID, self._handle, self._refuse)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._heart.run())
            tasks.create_task(self._responder.run())
            tasks.create_task(self._consumer.run())

    async def ready(self) -> None:
        await self._heart.beating.wait()
        await self._responder.listener.subscribed.wait()
        await self._consumer.reading.wait()

    async def status(
        self,
        session_id: SessionId,
        status: SessionStatus,
        *,
        reason: Reason | None = None,
        phone: str | None = None,
        queue_position: int | None = None,
    ) -> None:
        event = StatusChanged(
            company_id=session_id,
            status=status,
            reason=reason,
            phone_number=phone,
            queue_position=queue_position,
        )
        snapshot = Snapshot(
            company_id=session_id,
            status=status,
            connected=status is SessionStatus.CONNECTED,
            reason=reason,
            phone_number=phone,
            queue_position=queue_position,
            process_id=self.process_id,
        )
        await self._announcer.announce(Announcement(snapshot, event))

    async def qr(self, session_id: SessionId, text: str, lifetime_s: float = 20) -> None:
        expires_at = _in(lifetime_s)
        event = Qr(company_id=session_id, qr=text, expires_in=20, expires_at=expires_at)
        await self._announce(
            event, SessionStatus.QR, qr=LiveQr(qr=text, expires_at=expires_at), keep_code=True
        )

    async def code(self, command: Command, code: str = "ABCD-1234", lifetime_s: float = 50) -> None:
        assert isinstance(command, RequestPairingCode)
        live = LiveCode(code=code, phone_number=command.phone_number, expires_at=_in(lifetime_s))
        event = PairingCode(
            company_id=command.company_id,
            code=code,
            phone_number=command.phone_number,
            expires_in=50,
            expires_at=live.expires_at,
            command_id=command.command_id,
        )
        await self._announce(event, SessionStatus.PAIRING, code=live, keep_qr=True)

    async def refuse_code(self, command: Command, code: ErrorCode) -> None:
        """As the process does: the event for the pages, then the command's result."""
        event = PairingCodeError(
            company_id=command.company_id, code=code, command_id=command.command_id
        )
        await self._announce(event, SessionStatus.QR, keep_qr=True)
        await self.result(command, code)

    async def result(self, command: Command, code: ErrorCode | None = None) -> None:
        event = CommandResult(
            company_id=command.company_id,
            command_id=command.command_id,
            success=code is None,
            code=code,
        )
        await self._announce(event, SessionStatus.QR, keep_qr=True, keep_code=True)

    async def connected(self, session_id: SessionId, phone: str) -> None:
        event = Connected(company_id=session_id, phone_number=phone)
        now = now_ms()
        snapshot = Snapshot(
            company_id=session_id,
            status=SessionStatus.CONNECTED,
            connected=True,
            phone_number=phone,
            logged_in=True,
            socket_alive=True,
            last_event_at=now,
            connected_since=now,
            phone_seen=now,
            process_id=self.process_id,
        )
        await self._announcer.announce(Announcement(snapshot, event))

    async def disconnected(self, session_id: SessionId, phone: str, reason: Reason) -> None:
        event = Disconnected(company_id=session_id, reason=reason)
        snapshot = Snapshot(
            company_id=session_id,
            status=SessionStatus.RECONNECTING,
            phone_number=phone,
            reason=reason,
            process_id=self.process_id,
        )
        await self._announcer.announce(Announcement(snapshot, event))

    async def _announce(
        self,
        event: AnySessionEvent,
        status: SessionStatus,
        *,
        qr: LiveQr | None = None,
        code: LiveCode | None = None,
        keep_qr: bool = False,
        keep_code: bool = False,
    ) -> None:
        snapshot = Snapshot(company_id=event.company_id, status=status, process_id=self.process_id)
        await self._announcer.announce(
            Announcement(snapshot, event, qr, code, keep_qr=keep_qr, keep_code=keep_code)
        )

    async def _handle(self, command: Command) -> None:
        self.commands.append(command)
        if self.reaction is not None:
            await self.reaction(command)

    async def _refuse(self, command: Command, code: ErrorCode) -> None:
        self.refused.append(command)
        await self.result(command, code)


def _in(seconds: float) -> Milliseconds:
    return Milliseconds(now_ms() + round(seconds * 1000))


@contextlib.asynccontextmanager
async def whatsapp_side(redis_url: str) -> AsyncIterator[WhatsAppSide]:
    redis = connect_redis(redis_url)
    side = WhatsAppSide(redis)
    running = asyncio.create_task(side.run())
    try:
        await asyncio.wait_for(side.ready(), READY_S)
        yield side
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await redis.aclose()
