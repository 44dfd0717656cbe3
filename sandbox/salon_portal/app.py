"""The portal's page, and the redirect behind its button."""

from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sandbox.salon_portal.page import render
from sandbox.salon_portal.salons import SALONS
from sandbox.salon_portal.signature import redirect_url

STATIC: Final = Path(__file__).with_name("static")
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        "form-action 'self' http://127.0.0.1:* http://localhost:*; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def build_app(api_url: str, partner_token: str) -> Starlette:
    """`api_url` is where the API process is, without a slash at its end."""

    async def page(_request: Request) -> Response:
        return HTMLResponse(render(SALONS.values()), headers=HEADERS)

    async def connect(request: Request) -> Response:
        salon = SALONS.get(request.path_params["salon_id"])
        if salon is None:
            return HTMLResponse(render(SALONS.values()), status_code=404, headers=HEADERS)
        return RedirectResponse(redirect_url(api_url, partner_token, salon), 302, HEADERS)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/connect/{salon_id:int}", connect),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
        ],
    )
