"""Prometheus: what is measured anywhere in the process, and the requests themselves."""

import time

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_service.web.openapi.operation import TEXT, Answer, DocumentedRoute, Operation
from shared.inventory import Inventory

_log = structlog.get_logger(__name__)
_requests = Counter("http_requests_total", "HTTP requests", ["route", "method", "status"])
_seconds = Histogram(
    "http_request_seconds",
    "Time until the answer was complete",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def routes(inventory: Inventory) -> list[BaseRoute]:
    async def metrics(_request: Request) -> Response:
        return Response(inventory.exposition(), media_type=CONTENT_TYPE_LATEST)

    operation = Operation(
        "What is measured, for Prometheus",
        [Answer(200, "In Prometheus' text format.", media_type=TEXT)],
        "Health",
    )
    return [DocumentedRoute("/metrics", metrics, operation)]


class MeasureRequests:
    """Counts and logs by route, never by path or query: those may hold tokens and ids."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            self._measured(scope, status, time.perf_counter() - started)

    def _measured(self, scope: Scope, status: int, seconds: float) -> None:
        route, method = _route_of(scope), scope["method"]
        if method not in _METHODS:
            method = "other"
        _requests.labels(route=route, method=method, status=str(status)).inc()
        _seconds.labels(route=route).observe(seconds)
        log = _log.warning if status >= 500 else _log.debug  # noqa: PLR2004 - HTTP server errors
        log("http_request", route=route, method=method, status=status, seconds=round(seconds, 3))


def _route_of(scope: Scope) -> str:
    """The pattern of the route that answered, so that the label has few values."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else "unknown"
