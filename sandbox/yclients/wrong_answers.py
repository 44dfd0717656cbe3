"""What a quirk answers in place of what would be right."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.yclients.envelope import (
    ALREADY_INSTALLED,
    APPLICATION_UNKNOWN,
    SETTINGS_PAGE,
    invalid,
    page,
    refusal,
    second_refusal,
    success,
)
from sandbox.yclients.quirks import Quirk, QuirkKind

HANG_S: Final = 120.0
"""Longer than any caller waits, and yet not for ever."""
_ABORT: Final = "sandbox.abort"

_ANSWERS: Final[dict[QuirkKind, Callable[[], Response]]] = {
    QuirkKind.REDIRECT_HTML: lambda: page(301, SETTINGS_PAGE),
    QuirkKind.HTML: page,
    QuirkKind.APPLICATION_UNKNOWN: lambda: refusal(400, APPLICATION_UNKNOWN),
    QuirkKind.ALREADY_INSTALLED: lambda: refusal(403, ALREADY_INSTALLED),
    QuirkKind.NOT_INSTALLED: lambda: refusal(404, "Приложение не установлено"),
    QuirkKind.INVALID: lambda: invalid(salon_id="Неверное значение"),
    QuirkKind.TOO_MANY: lambda: refusal(429, "Превышен лимит запросов"),
    QuirkKind.SERVER_ERROR: lambda: refusal(500, "Внутренняя ошибка"),
    QuirkKind.BAD_GATEWAY: lambda: page(502),
    QuirkKind.UNAVAILABLE: lambda: refusal(503, "Сервис недоступен"),
    QuirkKind.SUCCESS_FALSE: lambda: refusal(200, "Что-то пошло не так"),
    QuirkKind.SECOND_ENVELOPE: lambda: second_refusal(401, "Необходима авторизация"),
}


async def wrong_answer(quirk: Quirk, right: Response | None) -> Response:
    """``right``: what would have been answered, when it was carried out all the same."""
    await asyncio.sleep(quirk.latency_ms / 1000)
    match quirk.kind:
        case QuirkKind.LATENCY:
            return right or success(None)
        case QuirkKind.HANG:
            return Reset(HANG_S)
        case QuirkKind.RESET:
            return Reset()
        case kind:
            return _ANSWERS[kind]()


class Reset(Response):
    """The connection is reset instead of answered, after ``wait_s`` or when the caller gives up."""

    def __init__(self, wait_s: float = 0.0) -> None:
        super().__init__()
        self._wait_s = wait_s

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._wait_s):
                await _gone(receive)
        abort = scope.get(_ABORT)
        if abort is not None:
            abort()
        await _gone(receive)


class Resets:
    """Outermost: lets what is inside abort the connection.

    uvicorn hands its own object's method on as ``send``; its transport is what can be aborted.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is not None:
            scope[_ABORT] = transport.abort
        await self._app(scope, receive, send)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
