"""The HTTP door of the marketplace: who may come in, and what strikes on the way."""

import asyncio
import contextlib
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.yclients.envelope import (
    ALREADY_INSTALLED,
    APPLICATION_UNKNOWN,
    invalid,
    page,
    refusal,
    second_refusal,
    success,
)
from sandbox.yclients.journal import Entry, Journal
from sandbox.yclients.marketplace import SETTINGS_PAGE, Fields, Marketplace
from sandbox.yclients.quirks import Operation, Quirk, QuirkKind, Quirks
from sandbox.yclients.rate import RateLimit

ACCEPT: Final = "application/vnd.yclients.v2+json"
HANG_S: Final = 120.0
"""Longer than any caller waits, and yet not for ever."""

_PATHS: Final = (
    ("POST", "/marketplace/partner/callback/redirect", Operation.ACTIVATE),
    ("POST", "/marketplace/partner/callback", Operation.ACTIVATE_WITH_CHANNELS),
    ("POST", "/marketplace/partner/payment", Operation.PAYMENT),
    ("POST", "/marketplace/partner/payment/refund/{payment_id:int}", Operation.REFUND),
    ("POST", "/marketplace/partner/short_names", Operation.SHORT_NAMES),
    (
        "GET",
        "/marketplace/salon/{salon_id:int}/application/{application_id:int}",
        Operation.CONNECTION,
    ),
    ("GET", "/marketplace/application/{application_id:int}/salons", Operation.SALONS),
    (
        "POST",
        "/marketplace/salon/{salon_id:int}/application/{application_id:int}/uninstall",
        Operation.UNINSTALL,
    ),
    ("GET", "/marketplace/application/payment_link", Operation.PAYMENT_LINK),
    ("GET", "/marketplace/application/{application_id:int}/tariffs", Operation.TARIFFS),
    ("POST", "/marketplace/application/add_discount", Operation.DISCOUNT),
    ("POST", "/marketplace/application/update_channel", Operation.CHANNEL),
)
_WITHOUT_BODY: Final = frozenset({Operation.REFUND, Operation.UNINSTALL})

_WRONG_ANSWERS: Final[dict[QuirkKind, Callable[[], Response]]] = {
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


class _Reset(Response):
    """The connection is reset instead of answered, after ``wait_s`` or when the caller gives up."""

    def __init__(self, wait_s: float = 0.0) -> None:
        super().__init__()
        self._wait_s = wait_s

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._wait_s):
                await _gone(receive)
        scope["sandbox.abort"]()
        await _gone(receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


class Gateway:
    def __init__(
        self, marketplace: Marketplace, quirks: Quirks, journal: Journal, limit: RateLimit,
        partner_token: str,
    ) -> None:  # fmt: skip
        self._marketplace = marketplace
        self._quirks = quirks
        self._journal = journal
        self._limit = limit
        self._partner_token = partner_token
        self.accept = ACCEPT

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route(path, self._endpoint(operation), methods=[method])
            for method, path, operation in _PATHS
        ]

    def _endpoint(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            body, fault = await _body(request, operation)
            fields: Fields = {**request.query_params, **(body or {}), **request.path_params}
            entry = self._note(request, operation, fields, body)
            refused = self._refuse(request) or fault
            if refused is not None:
                response = refused
            else:
                response = await self._carry_out(operation, fields, entry)
            entry.status = 0 if isinstance(response, _Reset) else response.status_code
            return response

        return answer

    def _note(self, request: Request, operation: Operation, fields: Fields, body: Any) -> Entry:
        salon_id = str(fields.get("salon_id"))
        known = int(salon_id) if salon_id.isdecimal() else None
        return self._journal.note(request.method, request.url.path, operation, known, body)

    def _refuse(self, request: Request) -> Response | None:
        """As the real one: the limit first, then who it is, then how it asks."""
        address = request.client.host if request.client else "unknown"
        if not self._limit.admit(address):
            return _WRONG_ANSWERS[QuirkKind.TOO_MANY]()
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.partition(",")[0].strip()
        if scheme != "Bearer" or not hmac.compare_digest(
            token.encode(), self._partner_token.encode()
        ):
            return refusal(401, "Необходима авторизация")
        if request.headers.get("accept") != self.accept:
            return refusal(400, f"Accept: {self.accept}")
        return None

    async def _carry_out(self, operation: Operation, fields: Fields, entry: Entry) -> Response:
        quirk = self._quirks.strike(operation, entry.salon_id)
        if quirk is None:
            return self._marketplace.answer(operation, fields)
        entry.quirk = quirk.kind
        right: Response | None = None
        if quirk.applied or quirk.kind is QuirkKind.LATENCY:
            right = self._marketplace.answer(operation, fields)
        return await _wrong(quirk, right)


async def _wrong(quirk: Quirk, right: Response | None) -> Response:
    await asyncio.sleep(quirk.latency_ms / 1000)
    match quirk.kind:
        case QuirkKind.LATENCY:
            return right or success(None)
        case QuirkKind.HANG:
            return _Reset(HANG_S)
        case QuirkKind.RESET:
            return _Reset()
        case kind:
            return _WRONG_ANSWERS[kind]()


async def _body(request: Request, operation: Operation) -> tuple[Fields | None, Response | None]:
    """The JSON object of a POST, or what is wrong with it."""
    if request.method != "POST":
        return None, None
    raw = await request.body()
    if not raw and operation in _WITHOUT_BODY:
        return {}, None
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return None, refusal(415, "Content-Type: application/json")
    try:
        value = json.loads(raw)
    except ValueError:
        return None, refusal(400, "Неверный JSON")
    if not isinstance(value, dict):
        return None, invalid(body="Ожидался объект")
    return value, None


class Resets:
    """Outermost: lets what is inside abort the connection.

    uvicorn hands its own object's method on as ``send``; its transport is what can be aborted.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is not None:
            scope["sandbox.abort"] = transport.abort
        await self._app(scope, receive, send)
