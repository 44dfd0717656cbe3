"""The page and what its buttons do. It works without its script, which only keeps it fresh."""

from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from sandbox.yclients.connections import Connection, Source
from sandbox.yclients.portal.page import render
from sandbox.yclients.quirks import Quirk
from sandbox.yclients.redirect import redirect_url
from sandbox.yclients.world import World

STATIC: Final = Path(__file__).with_name("static")
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
        "connect-src 'self'; base-uri 'none'; "
        "form-action 'self' http://127.0.0.1:* http://localhost:*; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Portal:
    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self._page),
            Route("/connect/{salon_id:int}", self._connect),
            Route("/salons/{salon_id:int}/{action}", self._act, methods=["POST"]),
            Route("/quirks", self._switch, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]

    async def _page(self, _request: Request) -> Response:
        return HTMLResponse(render(self._world), headers=HEADERS)

    async def _connect(self, request: Request) -> Response:
        """Where the owner's browser goes: pending now, signed as YClients signs."""
        connection = self._find(request)
        if connection is None:
            return HTMLResponse(render(self._world), status_code=404, headers=HEADERS)
        self._world.connections.connect(connection)
        url = redirect_url(self._world.api_url, self._world.partner_token, connection.salon)
        return RedirectResponse(url, 302, HEADERS)

    async def _act(self, request: Request) -> Response:
        connection, world = self._find(request), self._world
        if connection is None:
            return HTMLResponse(render(world), status_code=404, headers=HEADERS)
        match request.path_params["action"]:
            case "uninstall":
                if world.connections.uninstall(connection, Source.OWNER):
                    world.callbacks.lifecycle(connection, "uninstall")
            case "freeze":
                if world.connections.freeze(connection):
                    world.callbacks.lifecycle(connection, "freeze")
            case "pay":
                world.pay(connection, told=True)
            case "expire":
                world.connections.expire_pending(connection)
            case _:
                return HTMLResponse(render(world), status_code=404, headers=HEADERS)
        return _back(f"salon-{connection.salon.salon_id}")

    async def _switch(self, request: Request) -> Response:
        """Fields of the form: what is empty stands for any."""
        if request.headers.get("content-type") != "application/x-www-form-urlencoded":
            return HTMLResponse(render(self._world), status_code=400, headers=HEADERS)
        fields = {name: value for name, value in _form(await request.body()).items() if value}
        if "clear" in fields:
            self._world.quirks.clear()
            return _back("quirks")
        try:
            self._world.quirks.add(Quirk.model_validate(fields))
        except ValidationError:
            return HTMLResponse(render(self._world), status_code=400, headers=HEADERS)
        return _back("quirks")

    def _find(self, request: Request) -> Connection | None:
        return self._world.connections.find(request.path_params["salon_id"])


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("ascii", "replace")))


def _back(anchor: str) -> Response:
    return RedirectResponse(f"/#{anchor}", 303, HEADERS)
