"""The sessions that this process owns: commands in, letting go, closing at the end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Final

import structlog

from shared.bus.commands import MovedError
from shared.company_id import SessionId
from shared.errors import AppError, ErrorCode
from shared.messages.commands import Adopt, Command
from whatsapp_service.owners.lease import LEASE_S, Lease
from whatsapp_service.sessions.restoring import Restoring
from whatsapp_service.sessions.session import Services, Session
from whatsapp_service.store.directory import StoreUnavailableError
from whatsapp_service.store.registry import Registry
from whatsapp_service.store.sessions import Tenure

_log = structlog.get_logger(__name__)

SWEEP_S: Final = 30.0
STOP_CONCURRENCY: Final = 50
GIVE_UP_S: Final = 1.0


class Supervisor:
    def __init__(
        self, services: Services, registry: Registry, lease: Lease, sweep_s: float = SWEEP_S
    ) -> None:
        self._services = services
        self._registry = registry
        self._lease = lease
        self._sweep_s = sweep_s
        self._sessions: dict[SessionId, Session] = {}
        self._tasks: dict[SessionId, asyncio.Task[None]] = {}
        self._leaving: dict[SessionId, asyncio.Event] = {}
        self.restoring = Restoring()

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    def __contains__(self, session_id: SessionId) -> bool:
        return session_id in self._sessions

    async def route(self, command: Command) -> str | None:
        """The process that owns the command's session, None when it is this one.

        A session that nobody owns is given to the least loaded process. Raises
        AppError(SERVICE_UNAVAILABLE).
        """
        await self._until_left(command.company_id)
        session = self._sessions.get(command.company_id)
        if session is not None and not session.ended.is_set():
            return None
        tenure = await self._place(command.company_id)
        if tenure.owner != self._lease.process_id:
            return tenure.owner
        self.open(tenure)
        return None

    async def handle(self, command: Command) -> None:
        """Returns when the command has had its effect or was answered with an error.

        Raises MovedError when the session has left since it was routed here.
        """
        session = self._sessions.get(command.company_id)
        if session is None or command.company_id in self._leaving:
            raise MovedError
        if isinstance(command, Adopt):
            session.recall()
        else:
            await session.submit(command)

    def open(self, tenure: Tenure) -> Session:
        """The session of that tenure, which asks for its device first."""
        session = self._sessions.get(tenure.session_id)
        if session is None or session.ended.is_set():
            session = Session(tenure, self._services)
            self._sessions[tenure.session_id] = session
            task = asyncio.create_task(session.run(), name=f"session {tenure.session_id}")
            task.add_done_callback(partial(self._ended, session))
            self._tasks[tenure.session_id] = task
        session.recall()
        return session

    async def let_go(self, session: Session, give_up: Callable[[], Awaitable[None]]) -> None:
        """Have ``give_up`` end our ownership; commands wait meanwhile, and go to the next owner.

        A session that takes too long to close stays ours until it has.
        """
        session_id = session.session_id
        if session_id in self._leaving or session_id not in self._sessions:
            return
        left = self._leaving[session_id] = asyncio.Event()
        try:
            await give_up()
        finally:
            task = self._tasks.get(session_id)
            if task is not None and not session.closing:
                task.cancel()
                self._forget(session)
            del self._leaving[session_id]
            left.set()

    async def sweep(self) -> None:
        """Let go of sessions of which only the snapshot is left."""
        while True:
            await asyncio.sleep(self._sweep_s)
            for session in self:
                if session.retirable:
                    await self.retire(session)

    async def retire(self, session: Session) -> None:
        async def give_up() -> None:
            await self._registry.release(session.tenure)

        try:
            await self.let_go(session, give_up)
        except StoreUnavailableError:
            _log.warning("session_not_released")

    def keep_only(self, owned: set[Tenure], known_before: set[Tenure]) -> None:
        """Drop what turned out to belong to others, of what was here when it was asked."""
        for tenure in known_before - owned:
            session = self._sessions.get(tenure.session_id)
            leaving = tenure.session_id in self._leaving
            if session is not None and session.tenure == tenure and not leaving:
                session.post(session.give_in)

    async def stop(self) -> None:
        """Close all sessions, many at a time; each has its own deadline."""
        slots = asyncio.Semaphore(STOP_CONCURRENCY)

        async def stop_one(session: Session) -> None:
            async with slots:
                await session.stop()

        await asyncio.gather(*(stop_one(session) for session in self))
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GIVE_UP_S)

    async def _place(self, session_id: SessionId) -> Tenure:
        peers = self._lease.peers
        suspects = peers.suspects if peers else ()
        try:
            tenure = await self._registry.place(
                session_id, self._lease.process_id, suspects, LEASE_S
            )
        except StoreUnavailableError as error:
            _log.warning("session_not_placed", company_id=session_id, error=str(error))
            raise AppError(ErrorCode.SERVICE_UNAVAILABLE) from None
        if tenure is None:
            _log.warning("no_process_takes_sessions", company_id=session_id)
            raise AppError(ErrorCode.SERVICE_UNAVAILABLE)
        return tenure

    async def _until_left(self, session_id: SessionId) -> None:
        while left := self._leaving.get(session_id):
            await left.wait()

    def _ended(self, session: Session, _task: asyncio.Task[None]) -> None:
        self._forget(session)

    def _forget(self, session: Session) -> None:
        if self._sessions.get(session.session_id) is session:
            del self._sessions[session.session_id]
            del self._tasks[session.session_id]
            self._services.publisher.forget(session.session_id)
