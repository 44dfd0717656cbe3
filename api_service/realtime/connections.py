"""The pages that are connected to this process, and what is being done for each."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, NewType

import structlog
from prometheus_client import Gauge

from api_service.core.tokens import Registration
from shared.company_id import SessionId
from shared.observability import capture

_log = structlog.get_logger(__name__)
_open = Gauge("realtime_connections", "Pages connected to this process")

SocketId = NewType("SocketId", str)


@dataclass(eq=False, slots=True)
class Connection:
    """One page. Its tasks end with it; of one name there is one at a time.

    ``running``: tasks of all pages, those among them that are ending.
    """

    sid: SocketId
    registration: Registration
    running: set[asyncio.Task[None]]
    refusals: int = 0
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def session_id(self) -> SessionId:
        return self.registration.session_id

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> bool:
        """False, and nothing is done, while work of that name is under way."""
        if name in self._tasks:
            work.close()
            return False
        task = asyncio.create_task(work, name=f"{name} {self.session_id}")
        self._tasks[name] = task
        self.running.add(task)
        task.add_done_callback(lambda done: self._ended(name, done))
        return True

    def stop(self) -> None:
        """Cancel everything but the task that asks for it."""
        for task in self._tasks.values():
            if task is not asyncio.current_task():
                task.cancel()

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(name, None)
        self.running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("connection_task_failed", task=name, exc_info=error)
            capture(error, operation=name)


@dataclass(slots=True)
class Audience:
    """The pages of one salon. ``told`` counts the events that were relayed to them.

    ``owner_lost``: they were last told that the session's process has ended. ``in_hand``: they show
    a status that its process tells again by itself when Redis has forgotten it.
    """

    sids: set[SocketId] = field(default_factory=set)
    told: int = 0
    owner_lost: bool = False
    in_hand: bool = False


class Connections:
    """Which salons have pages here; an event of any other salon is not relayed."""

    def __init__(self) -> None:
        self._by_sid: dict[SocketId, Connection] = {}
        self._audiences: dict[SessionId, Audience] = {}
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._by_sid)

    @property
    def tasks(self) -> int:
        return len(self._running)

    def add(self, sid: SocketId, registration: Registration) -> Connection:
        connection = Connection(sid, registration, self._running)
        self._by_sid[sid] = connection
        self._audiences.setdefault(connection.session_id, Audience()).sids.add(sid)
        _open.set(len(self))
        return connection

    def get(self, sid: SocketId) -> Connection | None:
        return self._by_sid.get(sid)

    def remove(self, sid: SocketId) -> None:
        """Stops the connection's tasks; nothing happens when it is not there."""
        connection = self._by_sid.pop(sid, None)
        if connection is None:
            return
        audience = self._audiences[connection.session_id]
        audience.sids.discard(sid)
        if not audience.sids:
            del self._audiences[connection.session_id]
        _open.set(len(self))
        connection.stop()

    async def close(self) -> None:
        """Remove all, and wait for the end of what was being done for them."""
        for sid in list(self._by_sid):
            self.remove(sid)
        await asyncio.gather(*self._running, return_exceptions=True)

    def audience(self, session_id: SessionId) -> Audience | None:
        """None when no page of the salon is here."""
        return self._audiences.get(session_id)

    @property
    def sessions(self) -> list[SessionId]:
        return list(self._audiences)
