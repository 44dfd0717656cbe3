"""Asks a session's proxy while the library reconnects through it, and never says why it cannot."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from shared.messages.status import Reason, SessionStatus
from whatsapp_service.gateway.proxy_faults import ProxyFault, probe
from whatsapp_service.sessions.state import ConnectionLost

if TYPE_CHECKING:
    from whatsapp_service.gateway.linked_client import LinkedClient
    from whatsapp_service.proxy_url import ProxyUrl
    from whatsapp_service.sessions.session import Session

_log = structlog.get_logger(__name__)

PATIENCE_S: Final = 3.0
"""The library may reconnect for so long before its proxy is asked whether it is there."""
ASK_AGAIN_S: Final = 15.0
"""Asking a proxy costs little, and a salon is without WhatsApp until it is back."""
BACK_S: Final = 5.0
_FIRST_TRIES_S: Final = (2.0, 5.0, 10.0)


class ProxyWatch:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._tries = 0

    def check_soon(self, delay_s: float = PATIENCE_S) -> None:
        client = self._session.connection.client
        if client is not None and client.route is not None:
            check = partial(self._check, client, client.route)
            self._session.timers.set("proxy check", delay_s, lambda: self._session.post(check))

    async def _check(self, client: LinkedClient, proxy: ProxyUrl) -> None:
        """As long as the proxy is at fault the client is left alone.

        One that hangs in a silent proxy cannot be stopped, and all others would wait for it.
        """
        session = self._session
        if (
            client is not session.connection.client
            or session.state.status is SessionStatus.CONNECTED
        ):
            return
        fault = await probe(proxy)
        if fault is not None:
            session.timers.cancel("reopen")
            self.blame(fault)
            self.check_soon(ASK_AGAIN_S)
        elif session.state.reason is Reason.PROXY_UNREACHABLE:
            session.connection.reopen_in(BACK_S)

    def blame(self, fault: ProxyFault | None) -> None:
        """One log line per outage, not one per attempt."""
        if self._session.state.reason is not Reason.PROXY_UNREACHABLE:
            self._tries = 0
            _log.warning("proxy_unusable", fault=fault or "no address")
        self._session.apply(ConnectionLost(Reason.PROXY_UNREACHABLE))

    def next_try_s(self) -> float:
        """Of a connection that was not even begun, for the proxy's sake."""
        self._tries += 1
        waits = (*_FIRST_TRIES_S, ASK_AGAIN_S)
        return waits[min(self._tries, len(waits)) - 1]
