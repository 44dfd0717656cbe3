"""Session events to the pages of their salon, on this process's own sockets only."""

from typing import Final

import socketio
import structlog
from prometheus_client import Counter

from api_service.core.activity import Activity
from api_service.core.outcomes import Outcomes
from api_service.core.owners import Owners
from api_service.core.page_states import PageStates
from api_service.realtime import payloads
from api_service.realtime.connections import Audience, Connections, SocketId
from api_service.realtime.payloads import Told
from shared.bus import keys
from shared.bus.snapshots import PresentState
from shared.clock import now_ms
from shared.company_id import SessionId, salon_id_of
from shared.errors import AppError, ErrorCode
from shared.messages.events import AnySessionEvent, Connected, PairingCode, Qr, StatusChanged
from shared.messages.status import Reason, SessionStatus

_log = structlog.get_logger(__name__)
_relayed = Counter("realtime_relayed_total", "Events told to pages", ["event"])

NAMESPACE: Final = "/marketplace"
NEWS_MS: Final = 60_000
"""An older event is no news; the present state is told instead."""

SETTLE_TRIES: Final = 5

_NOBODYS: Final = frozenset(
    {
        SessionStatus.IDLE,
        SessionStatus.QR_EXPIRED,
        SessionStatus.ERROR,
        SessionStatus.LOGGED_OUT,
        SessionStatus.OUTDATED,
    }
)
"""Statuses in which a session may have been let go: Redis alone may know of it."""


class Relay:
    def __init__(
        self,
        server: socketio.AsyncServer,
        connections: Connections,
        states: PageStates,
        outcomes: Outcomes,
        owners: Owners,
        activity: Activity,
    ) -> None:
        self._server = server
        self._connections = connections
        self._states = states
        self._outcomes = outcomes
        self._owners = owners
        self._activity = activity

    async def take(self, event: AnySessionEvent) -> None:
        """Handler of the process's event subscription."""
        self._activity.note_event()
        self._outcomes.take(event)
        audience = self._connections.audience(event.company_id)
        if audience is None:
            return
        audience.told += 1
        audience.owner_lost = False
        if now_ms() - event.timestamp > NEWS_MS:
            _log.info("event_is_no_news", company_id=event.company_id, type=event.type)
            await self._tell_present(event.company_id)
            return
        if isinstance(event, StatusChanged) and event.reason == Reason.UNINSTALLED:
            await self._tell_present(event.company_id)
            return
        if isinstance(event, Connected | Qr | PairingCode):
            audience.in_hand = True
        elif isinstance(event, StatusChanged):
            audience.in_hand = event.status not in _NOBODYS
        if (told := payloads.of_event(event)) is not None:
            await self._emit(told, _room(event.company_id))

    async def greet(self, sid: SocketId, session_id: SessionId) -> None:
        """Tell a page that has just joined its room the present state.

        An event that is relayed meanwhile may have overtaken it: then it is told again, newer.
        Raises redis.exceptions.RedisError.
        """
        for _ in range(SETTLE_TRIES):
            before = self._relayed_to(session_id)
            state = await self._states.present_state(session_id)
            if audience := self._connections.audience(session_id):
                audience.owner_lost |= state.owner_lost
                _note(audience, state)
            for told in payloads.of_present_state(session_id, state):
                await self._emit(told, sid)
            if self._relayed_to(session_id) == before:
                return

    async def resync(self) -> None:
        """After the subscription was away: every page is told the present state."""
        for session_id in self._connections.sessions:
            await self._tell_present(session_id)

    async def owners_changed(self) -> None:
        """Pages whose session has lost its process are told, and told again when it has one.

        A request that was in that process's hands fails now; the next process may still do it.
        Raises redis.exceptions.RedisError.
        """
        waiting = self._outcomes.sessions
        for session_id in {*self._connections.sessions, *waiting}:
            state = await self._states.present_state(session_id)
            await self._tell_of_owner(session_id, state)
            if session_id in waiting and (state.owner_lost or self._owners.none_lives):
                self._outcomes.fail(session_id, AppError(ErrorCode.SERVICE_UNAVAILABLE))

    async def _tell_of_owner(self, session_id: SessionId, state: PresentState) -> None:
        audience = self._connections.audience(session_id)
        if audience is None or not (audience.owner_lost or state.owner_lost):
            return
        if _forgotten(audience, state):
            return
        _note(audience, state)
        audience.owner_lost = state.owner_lost
        audience.told += 1
        for told in payloads.of_present_state(session_id, state):
            await self._emit(told, _room(session_id))

    def _relayed_to(self, session_id: SessionId) -> int | None:
        audience = self._connections.audience(session_id)
        return audience.told if audience else None

    async def _tell_present(self, session_id: SessionId) -> None:
        state = await self._states.present_state(session_id)
        audience = self._connections.audience(session_id)
        if audience is None or _forgotten(audience, state):
            return
        _note(audience, state)
        for told in payloads.of_present_state(session_id, state):
            await self._emit(told, _room(session_id))

    async def _emit(self, told: Told, to: str) -> None:
        event, payload = told
        _relayed.labels(event=event).inc()
        await self._server.emit(event, payload, room=to, namespace=NAMESPACE)


def _forgotten(audience: Audience, state: PresentState) -> bool:
    """By Redis, not by the session: what its pages show is still true."""
    return state.snapshot is None and audience.in_hand


def _note(audience: Audience, state: PresentState) -> None:
    audience.in_hand = state.snapshot is not None and state.snapshot.status not in _NOBODYS


def _room(session_id: SessionId) -> str:
    return keys.salon_room(salon_id_of(session_id))
