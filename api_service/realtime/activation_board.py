"""Tells pages how the activation of their salon stands, beside how its WhatsApp does."""

import socketio

from api_service.core.standing import Standing
from api_service.realtime import payloads
from api_service.realtime.connections import Connections, SocketId
from api_service.realtime.relay import NAMESPACE
from shared.bus import keys
from shared.company_id import SalonId, SessionId, salon_id_of, session_id_of
from shared.messages.marketplace import ActivationNews
from shared.texts import ACTIVATION_TEXTS


class ActivationBoard:
    def __init__(
        self, server: socketio.AsyncServer, connections: Connections, standing: Standing
    ) -> None:
        self._server = server
        self._connections = connections
        self._standing = standing

    async def take(self, news: ActivationNews) -> None:
        """To the pages of the salon that are connected to this process."""
        salon_id = SalonId(news.salon_id)
        if self._connections.audience(session_id_of(salon_id)) is not None:
            await self._emit(news.status, keys.salon_room(salon_id))

    async def greet(self, sid: SocketId, session_id: SessionId) -> None:
        """A page that has just come, or the room of a salon; nothing before WhatsApp is linked."""
        await self._tell(salon_id_of(session_id), sid)

    async def resync(self) -> None:
        for session_id in self._connections.sessions:
            salon_id = salon_id_of(session_id)
            await self._tell(salon_id, keys.salon_room(salon_id))

    async def _tell(self, salon_id: SalonId, to: str) -> None:
        state = await self._standing.of(salon_id)
        if state is not None and state.whatsapp_connected:
            await self._emit(state.status.value, to)

    async def _emit(self, status: str, to: str) -> None:
        if status in ACTIVATION_TEXTS:
            event, payload = payloads.activation(status)
            await self._server.emit(event, payload, room=to, namespace=NAMESPACE)
