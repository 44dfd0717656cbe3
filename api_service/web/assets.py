"""Built files of the page, and the Socket.IO client that other pages load from here."""

from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from api_service.web.headers import IMMUTABLE

SHORT_CACHE = "public, max-age=3600"


class _ImmutableFiles(StaticFiles):
    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(IMMUTABLE)
        return response


class Assets:
    def __init__(self, page_dir: Path) -> None:
        self._page_dir = page_dir

    @property
    def routes(self) -> list[BaseRoute]:
        files = _ImmutableFiles(directory=self._page_dir / "assets", check_dir=False)
        return [
            Route("/socket.io/socket.io.js", self._socket_io_client),
            Mount("/marketplace/assets", GZipMiddleware(files, minimum_size=1000)),
        ]

    async def _socket_io_client(self, _request: Request) -> Response:
        path = self._page_dir / "socket.io.js"
        if not path.is_file():
            raise HTTPException(404)
        return FileResponse(
            path,
            media_type="text/javascript",
            headers={
                "Cache-Control": SHORT_CACHE,
                "X-Content-Type-Options": "nosniff",
                "Access-Control-Allow-Origin": "*",
            },
        )
