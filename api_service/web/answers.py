"""JSON answers, none of which may be kept by anybody on the way."""

from collections.abc import Mapping

from starlette.responses import JSONResponse

from api_service.web.headers import PRIVATE


def json_answer(
    body: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse(body, status_code=status, headers={**PRIVATE, **(headers or {})})
