"""Lets running sessions follow when an operator sends them another way."""

import asyncio
from collections.abc import Iterable

import structlog

from shared.messages.status import Reason
from whatsapp_service.sessions.routes import Routes
from whatsapp_service.sessions.session import Session
from whatsapp_service.store.directory import StoreUnavailableError

_log = structlog.get_logger(__name__)


async def watch_routes(routes: Routes, sessions: Iterable[Session], look_s: float) -> None:
    """For ever: whoever is not open, or is linking, asks for the way by itself."""
    while True:
        await asyncio.sleep(look_s)
        clients = [(session, session.connection.client) for session in sessions]
        used = {session.session_id: client.route for session, client in clients if client}
        try:
            changed = set(await routes.changed(used))
        except StoreUnavailableError:
            _log.warning("routes_not_readable")
            continue
        for session, client in clients:
            if client is not None and session.session_id in changed:
                _log.info("route_changed", company_id=session.session_id)
                session.connection.renew(client, Reason.ROUTE_CHANGED)
