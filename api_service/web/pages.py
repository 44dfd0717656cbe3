"""HTML for people: the onboarding page as it was built, and readable pages for failures."""

import functools
import html
import string
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api_service.web.errors import as_app_error
from api_service.web.headers import page_headers
from shared.errors import AppError, ErrorCode
from shared.observability import capture
from shared.texts import error_text

_log = structlog.get_logger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]

_PLAIN: Final = """<!doctype html>
<html lang="ru">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<h1>$title</h1>
<p>$text</p>
<p>$next_step</p>
</html>
"""


class Pages:
    """Reads the built files on each request: a new build is there at once."""

    def __init__(self, page_dir: Path, frame_ancestors: Sequence[str]) -> None:
        self._page_dir = page_dir
        self._headers = page_headers(frame_ancestors)

    def onboarding(self) -> Response:
        """Raises AppError(NOT_CONFIGURED) when the page was never built."""
        page = self._built("onboarding.html")
        if page is None:
            _log.error("onboarding_page_missing", looked_in=str(self._page_dir))
            raise AppError(ErrorCode.NOT_CONFIGURED)
        return HTMLResponse(page, headers=self._headers)

    def failure(self, error: AppError) -> Response:
        text = error_text(error.code)
        template = string.Template(self._built("message.html") or _PLAIN)
        page = template.safe_substitute(
            title="Подключение WhatsApp",
            text=html.escape(text.message),
            next_step=html.escape(text.next_step),
        )
        return HTMLResponse(page, status_code=error.http_status, headers=self._headers)

    def guard(self, endpoint: Endpoint) -> Endpoint:
        """A person opened this address: a failure is answered with a page."""

        @functools.wraps(endpoint)
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except Exception as failure:  # noqa: BLE001 - the border to a person's browser
                error = as_app_error(failure)
                if error.code is ErrorCode.INTERNAL_ERROR:
                    _log.exception("page_failed", path=request.url.path)
                    capture(failure, operation=endpoint.__qualname__)
                _log.info("page_refused", path=request.url.path, code=error.code)
                return self.failure(error)

        return answer

    def _built(self, name: str) -> str | None:
        try:
            return (self._page_dir / name).read_text("utf-8")
        except OSError:
            return None
