"""The page and what its buttons do. It works without its script, which only keeps it fresh."""

from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from sandbox.yclients.callbacks import Manner
from sandbox.yclients.connections import Connection
from sandbox.yclients.portal.page import render
from sandbox.yclients.portal.texts import INVALID, UNKNOWN_SALON
from sandbox.yclients.quirks import Quirk
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
            Route("/quirks", self._add_quirk, methods=["POST"]),
            Route("/quirks/clear", self._clear_quirks, methods=["POST"]),
            Route("/quirks/{quirk_id:int}/remove", self._remove_quirk, methods=["POST"]),
            Route("/manner", self._deliver, methods=["POST"]),
            Route("/manner/clear", self._deliver_as_usual, methods=["POST"]),
            Route("/manner/go", self._let_go, methods=["POST"]),
            Route("/limit/{wanted}", self._limit, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]

    async def _page(self, request: Request) -> Response:
        lab_open = "lab" in request.query_params
        return HTMLResponse(render(self._world, lab_open=lab_open), headers=HEADERS)

    async def _connect(self, request: Request) -> Response:
        """Where the owner's browser goes: pending now, signed as YClients signs."""
        connection = self._find(request)
        if connection is None:
            return self._wrong(UNKNOWN_SALON, 404)
        return RedirectResponse(self._world.redirect(connection), 302, HEADERS)

    async def _act(self, request: Request) -> Response:
        connection, world = self._find(request), self._world
        actions: dict[str, Callable[[Connection], None]] = {
            "uninstall": world.uninstall,
            "freeze": world.freeze,
            "pay": world.pay,
            "expire": world.connections.expire_pending,
        }
        action = actions.get(request.path_params["action"])
        if connection is None or action is None:
            return self._wrong(UNKNOWN_SALON, 404)
        action(connection)
        return RedirectResponse(f"/#salon-{connection.salon.salon_id}", 303, HEADERS)

    async def _add_quirk(self, request: Request) -> Response:
        try:
            self._world.quirks.add(Quirk.model_validate(await _form(request, "times")))
        except ValidationError:
            return self._wrong(INVALID, 400)
        return _to_lab("quirks")

    async def _clear_quirks(self, _request: Request) -> Response:
        self._world.quirks.clear()
        return _to_lab("quirks")

    async def _remove_quirk(self, request: Request) -> Response:
        self._world.quirks.remove(request.path_params["quirk_id"])
        return _to_lab("quirks")

    async def _deliver(self, request: Request) -> Response:
        try:
            self._world.callbacks.deliver(Manner.model_validate(await _form(request)))
        except ValidationError:
            return self._wrong(INVALID, 400)
        return _to_lab("manners")

    async def _deliver_as_usual(self, _request: Request) -> Response:
        """What is held is sent, too."""
        self._world.callbacks.let_go()
        self._world.callbacks.deliver_as_usual()
        return _to_lab("manners")

    async def _let_go(self, _request: Request) -> Response:
        self._world.callbacks.let_go()
        return _to_lab("manners")

    async def _limit(self, request: Request) -> Response:
        self._world.limit.enforced = request.path_params["wanted"] == "on"
        return _to_lab("journal")

    def _wrong(self, notice: str, status: int) -> Response:
        page = render(self._world, notice=notice, lab_open=True)
        return HTMLResponse(page, status_code=status, headers=HEADERS)

    def _find(self, request: Request) -> Connection | None:
        return self._world.connections.find(request.path_params["salon_id"])


async def _form(request: Request, endless: str | None = None) -> dict[str, str | None]:
    """What is empty stands for any, or for its usual value; an empty ``endless`` for always."""
    text = (await request.body()).decode("ascii", "replace")
    given = dict(parse_qsl(text, keep_blank_values=True))
    fields: dict[str, str | None] = {name: value for name, value in given.items() if value}
    if endless is not None and given.get(endless) == "":
        fields[endless] = None
    return fields


def _to_lab(anchor: str) -> Response:
    return RedirectResponse(f"/?lab#{anchor}", 303, HEADERS)
