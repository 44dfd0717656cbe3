"""Every failure as an answer: JSON with a stable code, for programs."""

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api_service.web.answers import json_answer
from shared.bus.connection import BusError
from shared.db import DatabaseError
from shared.errors import AppError, ErrorCode
from shared.texts import error_text

_log = structlog.get_logger(__name__)


def error_body(error: AppError) -> dict[str, object]:
    """``error``, ``message`` and ``code``; what the error's context adds rides along."""
    text = error_text(error.code)
    return {
        "error": text.message,
        "message": f"{text.message} {text.next_step}".rstrip(),
        "code": error.code.value,
        **error.context,
    }


def json_error(error: AppError) -> JSONResponse:
    headers: dict[str, str] = {}
    if error.http_status == 401:  # noqa: PLR2004 - RFC 9110 wants the challenge with a 401
        headers["WWW-Authenticate"] = "Bearer"
    retry_after = error.context.get("retry_after")
    if isinstance(retry_after, int):
        headers["Retry-After"] = str(retry_after)
    return json_answer(error_body(error), error.http_status, headers)


def as_app_error(error: Exception) -> AppError:
    """What a failure below means to whoever asked; logs what only an operator can mend."""
    if isinstance(error, AppError):
        return error
    if isinstance(error, DatabaseError | BusError | TimeoutError):
        _log.warning("dependency_away", error=type(error).__name__)
        return AppError(ErrorCode.SERVICE_UNAVAILABLE)
    return AppError(ErrorCode.INTERNAL_ERROR)


async def answer_error(request: Request, error: Exception) -> Response:
    refusal = as_app_error(error)
    _note(request, refusal)
    return json_error(refusal)


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """What the router itself refuses: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    code = ErrorCode.NOT_FOUND if error.status_code == 404 else ErrorCode.INVALID_REQUEST  # noqa: PLR2004 - the HTTP status itself
    _note(request, AppError(code))
    return json_answer(error_body(AppError(code)), error.status_code, error.headers)


def _note(request: Request, refusal: AppError) -> None:
    """By route, never by path: what is wrong may stand in it. Failures of ours are logged as such.

    An unknown address is no news: strangers try them all day.
    """
    route = getattr(request.scope.get("route"), "path", None)
    if refusal.http_status < 500:  # noqa: PLR2004 - HTTP server errors
        log = _log.info if route else _log.debug
        log("request_refused", route=route, code=refusal.code)


HANDLED = (AppError, DatabaseError, BusError, TimeoutError)
