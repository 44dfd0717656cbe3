"""``/openapi.json``, and ``/docs``: the same as a page, without anything from elsewhere.

The page is Swagger UI as the package ``offapi`` carries it, which is what spectree's offline pages
show, too. Its own pages are one text with inline scripts; served as files it does with a policy
that allows none.
"""

import functools
import importlib.util
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from api_service.web.openapi.document import openapi_document
from api_service.web.openapi.operation import HTML, JSON, Answer, DocumentedRoute, Operation

TITLE: Final = "AI Admin"
VERSION: Final = "0.1.0"

_HERE: Final = Path(__file__).parent
_TAG: Final = "Documentation"
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>AI Admin: HTTP API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger_style.css">
<div id="reference"></div>
<script src="/docs/swagger_bundle.js"></script>
<script src="/docs/reference.js"></script>
</html>
"""
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
_FILE_HEADERS: Final = {
    "Cache-Control": "public, max-age=3600",
    "X-Content-Type-Options": "nosniff",
}


class Reference:
    """``routes``: of the whole application, these among them; the document is made once."""

    def __init__(self, routes: Callable[[], Sequence[BaseRoute]]) -> None:
        self._all = routes

    @property
    def routes(self) -> list[BaseRoute]:
        document = Operation("This document", [Answer(200, "OpenAPI 3.1.", media_type=JSON)], _TAG)
        page = Operation("This document as a page", [Answer(200, "A page.", media_type=HTML)], _TAG)
        return [
            DocumentedRoute("/openapi.json", self._answer_document, document),
            DocumentedRoute("/docs", _answer_page, page),
            *(Route(f"/docs/{path.name}", _file(path)) for path in _files()),
        ]

    @functools.cached_property
    def _document(self) -> Response:
        document = openapi_document(self._all(), TITLE, VERSION)
        return JSONResponse(document, headers=_HEADERS)

    async def _answer_document(self, _request: Request) -> Response:
        return self._document


async def _answer_page(_request: Request) -> Response:
    return HTMLResponse(_PAGE, headers=_HEADERS)


def _files() -> list[Path]:
    """Of the package they are found, not imported: it would read all its pages into memory."""
    package = importlib.util.find_spec("offapi")
    assert package is not None
    assert package.submodule_search_locations is not None
    swagger = Path(package.submodule_search_locations[0])
    return [
        swagger / "swagger_bundle.js",
        swagger / "swagger_style.css",
        _HERE / "reference.js",
    ]


def _file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    kind = "text/javascript" if path.suffix == ".js" else "text/css"

    async def answer(_request: Request) -> Response:
        return FileResponse(path, media_type=kind, headers=_FILE_HEADERS)

    return answer
