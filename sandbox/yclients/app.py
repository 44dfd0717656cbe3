"""The whole YClients as one ASGI application: marketplace, control, and the owner's page."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from sandbox.yclients.control_api import ControlApi
from sandbox.yclients.envelope import second_refusal
from sandbox.yclients.gateway import Resets
from sandbox.yclients.portal.routes import Portal
from sandbox.yclients.world import World


def build_app(
    api_url: str, partner_token: str, application_id: int, state: Path | None = None
) -> tuple[ASGIApp, World]:
    """``api_url``: where our API process is, without a slash at its end."""
    world = World(api_url, partner_token, application_id, state)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await world.close()

    app = Starlette(
        routes=[*world.gateway.routes, *ControlApi(world).routes, *Portal(world).routes],
        lifespan=lifespan,
        exception_handlers={404: _no_such_path, 405: _no_such_path},
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
        ],
    )
    app.router.redirect_slashes = False
    return Resets(app), world


async def _no_such_path(_request: Request, _error: Exception) -> JSONResponse:
    """As the real one answers what is not there: `/api/v1/marketplace/…`, say."""
    return second_refusal(404, "Not Found")
