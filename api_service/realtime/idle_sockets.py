"""Transports that never came into the namespace, or were turned away and stay."""

import asyncio
import time
from typing import Final

import socketio
import structlog

from api_service.realtime.relay import NAMESPACE

_log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 2.0
PATIENCE_S: Final = 10.0
CLOSE_S: Final = 2.0


class IdleSockets:
    """Closes what is not in the namespace for 10 s: the engine alone would keep it for ever."""

    def __init__(self, server: socketio.AsyncServer) -> None:
        self._server = server
        self._outside_since: dict[str, float] = {}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for engine_sid in self.overdue(time.monotonic()):
                await self._close(engine_sid)

    def overdue(self, now: float) -> list[str]:
        """``now`` in seconds of a monotonic clock."""
        outside = [sid for sid in self._server.environ if self._is_outside(sid)]
        self._outside_since = {sid: self._outside_since.get(sid, now) for sid in outside}
        return [sid for sid, since in self._outside_since.items() if now - since >= PATIENCE_S]

    def _is_outside(self, engine_sid: str) -> bool:
        return self._server.manager.sid_from_eio_sid(engine_sid, NAMESPACE) is None

    async def _close(self, engine_sid: str) -> None:
        _log.info("idle_socket_closed")
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._server.eio.disconnect(engine_sid)
        except TimeoutError:
            _log.warning("idle_socket_did_not_close")
