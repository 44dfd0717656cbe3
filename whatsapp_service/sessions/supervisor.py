"""All sessions of this process: commands in, restoring at start, closing at the end."""

import asyncio
import random
from collections.abc import Iterator
from typing import Final

import structlog

from shared.bus.announcement import Announcement
from shared.bus.connection import BusError
from shared.bus.snapshots import Snapshots
from shared.company_id import SessionId
from shared.errors import ErrorCode
from shared.messages.commands import Command
from shared.messages.events import CommandResult
from shared.messages.snapshot import Snapshot
from shared.messages.status import Reason, SessionStatus
from whatsapp_service.sessions.restoring import Restoring
from whatsapp_service.sessions.session import Services, Session
from whatsapp_service.sessions.state import LINKED, LINKING, LinkAsked, LinkFailed, State
from whatsapp_service.store.directory import StoreUnavailableError
from whatsapp_service.store.sessions import StoredSession

_log = structlog.get_logger(__name__)

RESTORE_WAIT_S: Final = 15.0
RESTORE_JITTER_S: Final = 0.05
SWEEP_S: Final = 30.0
STORE_RETRY_S: Final = 5.0
BUS_RETRY_S: Final = 5.0
STOP_CONCURRENCY: Final = 50
GIVE_UP_S: Final = 1.0

_HELD: Final = LINKING | LINKED | {SessionStatus.FROZEN}
"""Statuses that are true only while a process holds the session."""


class Supervisor:
    def __init__(
        self,
        services: Services,
        snapshots: Snapshots,
        restore_concurrency: int,
        sweep_s: float = SWEEP_S,
    ) -> None:
        self._services = services
        self._snapshots = snapshots
        self._sweep_s = sweep_s
        self._restore_slots = asyncio.Semaphore(restore_concurrency)
        self._sessions: dict[SessionId, Session] = {}
        self._tasks: dict[SessionId, asyncio.Task[None]] = {}
        self._stopping = False
        self.restoring = Restoring()

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    async def handle(self, command: Command) -> None:
        """Returns when the command has had its effect or was answered with an error."""
        await self._session(command.company_id).submit(command)

    async def refuse(self, command: Command, code: ErrorCode) -> None:
        """Answer a command that will not be carried out.

        Its sender has told the page long ago, so this is no news for pages.
        """
        session = self._sessions.get(command.company_id)
        if session is not None:
            session.voice.result(session.state, command.command_id, code)
            return
        present = await self._snapshots.present_state(command.company_id)
        snapshot = present.snapshot or Snapshot(
            company_id=command.company_id, status=SessionStatus.IDLE
        )
        refused = CommandResult(
            company_id=command.company_id,
            epoch=snapshot.epoch,
            command_id=command.command_id,
            success=False,
            code=code,
        )
        self._services.publisher.publish(
            Announcement(snapshot, refused, keep_qr=True, keep_code=True)
        )

    async def restore(self) -> None:
        """Open every linked salon, the most recently connected first, a few at a time.

        Frozen ones are only told.
        """
        stored = await self._stored_sessions()
        async with asyncio.TaskGroup() as tasks:
            orphans = self._end_orphans({session.session_id for session in stored})
            tasks.create_task(orphans, name="orphans")
            await self._restore_all(stored)

    async def _restore_all(self, stored: list[StoredSession]) -> None:
        self.restoring.expect(len(stored))
        async with asyncio.TaskGroup() as tasks:
            for session in stored:
                await self._restore_slots.acquire()
                tasks.create_task(self._restore_one(session), name=f"restore {session.session_id}")

    async def sweep(self) -> None:
        """Let go of sessions of which only the snapshot is left."""
        while True:
            await asyncio.sleep(self._sweep_s)
            await self._claim_half_links()
            for session in self:
                if session.retirable:
                    await self._retire(session)

    async def stop(self) -> None:
        """Close all sessions, many at a time; each has its own deadline."""
        self._stopping = True
        slots = asyncio.Semaphore(STOP_CONCURRENCY)

        async def stop_one(session: Session) -> None:
            async with slots:
                await session.stop()

        await asyncio.gather(*(stop_one(session) for session in self))
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=GIVE_UP_S)

    def _session(self, session_id: SessionId) -> Session:
        session = self._sessions.get(session_id)
        if session is None:
            session = Session(session_id, self._services)
            self._sessions[session_id] = session
            self._tasks[session_id] = asyncio.create_task(
                session.run(), name=f"session {session_id}"
            )
            session.recall()
        return session

    async def _claim_half_links(self) -> None:
        try:
            self._recall(await self._services.half_links.claim_over())
        except StoreUnavailableError:
            _log.warning("half_links_not_claimed")

    def _recall(self, claimed: list[SessionId]) -> None:
        """Also sessions that asked for their device before they had one."""
        for session_id in claimed:
            self._session(session_id).recall()

    async def _retire(self, session: Session) -> None:
        del self._sessions[session.session_id]
        self._services.publisher.forget(session.session_id)
        task = self._tasks.pop(session.session_id)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _stored_sessions(self) -> list[StoredSession]:
        """Links that were cut in the middle are the salon's first."""
        while True:
            try:
                self._recall(await self._services.half_links.claim_left_behind())
                return await self._services.directory.sessions_to_restore()
            except StoreUnavailableError:
                _log.warning("restore_waits_for_postgres")
                await asyncio.sleep(STORE_RETRY_S)

    async def _end_orphans(self, stored: set[SessionId]) -> None:
        """A process that was killed left snapshots of attempts and connections it no longer has.

        Pages see at once that theirs has ended, and ask again. A salon whose thaw was recorded and
        not told is told now. Until Redis has told all of them.
        """
        while True:
            try:
                await self._end_orphans_once(stored)
            except BusError as error:
                _log.warning("orphans_not_ended", error=type(error).__name__)
                await asyncio.sleep(BUS_RETRY_S)
            else:
                return

    async def _end_orphans_once(self, stored: set[SessionId]) -> None:
        """Raises BusError."""
        async for snapshot in self._snapshots.all():
            session_id = snapshot.company_id
            if snapshot.status in _HELD and session_id not in stored:
                self._end_orphan(self._session(session_id), snapshot.status)

    def _end_orphan(self, session: Session, shown: SessionStatus) -> None:
        if session.state != State():
            return
        if shown is SessionStatus.FROZEN:
            session.voice.status(session.state)
        else:
            session.apply(LinkAsked())
            session.apply(LinkFailed(Reason.SERVICE_STOPPED))

    async def _restore_one(self, stored: StoredSession) -> None:
        connected = False
        try:
            await asyncio.sleep(random.uniform(0, RESTORE_JITTER_S))  # noqa: S311 - jitter
            if not self._stopping:
                session = self._session(stored.session_id)
                await session.first_outcome(RESTORE_WAIT_S)
                connected = session.connected
        finally:
            self.restoring.count(connected=connected)
            self._restore_slots.release()
