"""Which way a salon's connections go: its own proxy, the default one, or directly."""

import contextlib
from typing import Final

import structlog

from shared.company_id import SessionId
from whatsapp_service.proxy_url import ProxyUrl, ProxyUrlError
from whatsapp_service.store.directory import Directory
from whatsapp_service.store.proxies import StoredRoute

_log = structlog.get_logger(__name__)

Route = ProxyUrl | None
"""None goes directly."""


class UnusableRouteError(Exception):
    """What is stored for the salon is no proxy's address: nothing may connect."""


class Routes:
    """Never directly for want of an answer: who cannot learn the way does not connect."""

    def __init__(self, directory: Directory, default: Route) -> None:
        self._directory = directory
        self._default: Final = default

    async def of(self, session_id: SessionId) -> Route:
        """One query. Raises StoreUnavailableError, UnusableRouteError."""
        try:
            return self._resolve(await self._directory.find_route(session_id))
        except ProxyUrlError as error:
            _log.error("stored_proxy_unusable", company_id=session_id, why=str(error))
            raise UnusableRouteError from None

    async def changed(self, used: dict[SessionId, Route]) -> list[SessionId]:
        """Of the sessions with the ways they use, those that are to go another way by now.

        One query for all; one with an unusable address stays as it is. Raises
        StoreUnavailableError.
        """
        stored = {route.session_id: route for route in await self._directory.all_routes()}
        changed = []
        for session_id, route in used.items():
            with contextlib.suppress(ProxyUrlError):
                if self._resolve(stored.get(session_id)) != route:
                    changed.append(session_id)
        return changed

    def _resolve(self, stored: StoredRoute | None) -> Route:
        """Raises ProxyUrlError."""
        if stored is None:
            return self._default
        return None if stored.url is None else ProxyUrl.parse(stored.url)
