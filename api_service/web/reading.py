"""Queries and bodies read by the models that also document them."""

from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from api_service.web.bodies import read_body
from shared.errors import AppError, ErrorCode

MAX_BODY_BYTES: Final = 16 * 1024
_MAX_TOLD: Final = 10
_MAX_NAME: Final = 64

M = TypeVar("M", bound=BaseModel)


def read_query(request: Request, model: type[M]) -> M:
    """Raises AppError(INVALID_REQUEST, fields=[…]); of a parameter given twice the last counts."""
    try:
        return model.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise _refused(error) from None


async def read_json(request: Request, model: type[M], max_bytes: int = MAX_BODY_BYTES) -> M:
    """Raises AppError(INVALID_REQUEST, fields=[…]) and what `read_body` raises."""
    body = await read_body(request, max_bytes)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _refused(error) from None


def _refused(error: ValidationError) -> AppError:
    """What is wrong where, never with what was sent."""
    faults: list[dict[str, Any]] = [
        {
            "field": ".".join(str(part) for part in fault["loc"])[:_MAX_NAME],
            "problem": fault["msg"],
        }
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return AppError(ErrorCode.INVALID_REQUEST, fields=faults[:_MAX_TOLD])
