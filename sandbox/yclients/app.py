"""The whole YClients as one ASGI application: its API, its control, and the owner's page."""

import contextlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.yclients.control_api import ControlApi
from sandbox.yclients.envelope import second_refusal
from sandbox.yclients.portal.routes import Portal
from sandbox.yclients.world import Setup, World
from sandbox.yclients.wrong_answers import Resets

LOOPBACK_HOSTS: Final = ["127.0.0.1", "localhost", "[::1]"]


def build_app(setup: Setup) -> tuple[ASGIApp, World]:
    world = World(setup)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await world.close()

    async def no_such_path(request: Request, _error: Exception) -> Response:
        """As the real one answers what is not there: `/api/v1/marketplace/…`, say."""
        answer = second_refusal(HTTPStatus.NOT_FOUND, "Not Found")
        world.journal.answered(world.journal.note(request), answer)
        return answer

    app = Starlette(
        routes=[*world.gateway.routes, *ControlApi(world).routes, *Portal(world).routes],
        lifespan=lifespan,
        exception_handlers={404: no_such_path, 405: no_such_path},
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK_HOSTS),
            Middleware(OwnPagesOnly),
        ],
    )
    app.router.redirect_slashes = False
    return Resets(app), world


class OwnPagesOnly:
    """A page from elsewhere that is open in the developer's browser changes nothing here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD"):
            site = Request(scope).headers.get("sec-fetch-site", "none")
            if site == "cross-site":
                refusal = PlainTextResponse("Only from this machine's pages.\n", 403)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
