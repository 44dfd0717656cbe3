"""Request bodies: bounded in size and in time before anything looks at them."""

import asyncio
import json
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request

from shared.errors import AppError, ErrorCode

BODY_S: Final = 10.0
"""A body that takes longer is not waited for."""


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Raises AppError(PAYLOAD_TOO_LARGE) before all of it was read, AppError(INVALID_REQUEST) late.

    Late is what has not come within `BODY_S`.
    """
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise AppError(ErrorCode.PAYLOAD_TOO_LARGE, max_bytes=max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise AppError(ErrorCode.PAYLOAD_TOO_LARGE, max_bytes=max_bytes)
    except (TimeoutError, ClientDisconnect):
        raise AppError(ErrorCode.INVALID_REQUEST) from None
    return bytes(body)


async def read_object(request: Request, max_bytes: int) -> dict[str, Any]:
    """A JSON object. Raises AppError as `read_body`, and AppError(INVALID_REQUEST)."""
    body = await read_body(request, max_bytes)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise AppError(ErrorCode.INVALID_REQUEST) from None
    if not isinstance(value, dict):
        raise AppError(ErrorCode.INVALID_REQUEST)
    return value
