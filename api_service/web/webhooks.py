"""POST /webhook/yclients: what YClients tells of a salon's application.

The answer is 200 whatever it says, as the contract has it: YClients is not known to repeat.
"""

import json
import re
from typing import Any, Final, Protocol

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from api_service.core.collector import Collector
from api_service.core.entity_hooks import EntityHooks
from api_service.core.notifications import MAX_EVENT_LENGTH, Notification, storable
from api_service.core.webhook_intake import WebhookIntake
from api_service.web.answers import json_answer
from api_service.web.bearer import same_secret
from api_service.web.bodies import read_body
from api_service.web.openapi.operation import Answer, DocumentedRoute, Operation
from api_service.web.webhook_models import AnyNotification, NotificationTaken, NotificationTold
from shared.company_id import SalonId, parse_salon_id
from shared.errors import AppError, ErrorCode

_log = structlog.get_logger(__name__)

PATH: Final = "/webhook/yclients"
MAX_BODY_BYTES: Final = 64 * 1024

_APPLICATION_ID: Final = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)

Body = dict[str, Any]

TAG: Final = "Webhooks"
_LIFECYCLE: Final = Operation(
    "What YClients tells of a salon's application",
    [Answer(200, "Whatever it says: the answer tells what became of it.", NotificationTold)],
    TAG,
    body=AnyNotification,
    errors=(
        ErrorCode.PAYLOAD_TOO_LARGE,
        ErrorCode.NOT_CONFIGURED,
        ErrorCode.SERVICE_UNAVAILABLE,
    ),
)
_COLLECTOR: Final = Operation(
    "Unknown notifications are kept as they come",
    [Answer(200, "Kept.", NotificationTaken)],
    TAG,
    body=AnyNotification,
    errors=(
        ErrorCode.INVALID_REQUEST,
        ErrorCode.PAYLOAD_TOO_LARGE,
        ErrorCode.RATE_LIMITED,
        ErrorCode.SERVICE_UNAVAILABLE,
    ),
)


class Application(Protocol):
    """Who we are to YClients."""

    @property
    def partner_token(self) -> str: ...

    @property
    def application_id(self) -> int | None: ...


class CollectLimit(Protocol):
    async def allows(self, address: str) -> bool: ...


class Webhooks:
    def __init__(
        self,
        application: Application,
        intake: WebhookIntake,
        hooks: EntityHooks,
        collector: Collector,
        limit: CollectLimit,
    ) -> None:
        self._application = application
        self._intake = intake
        self._hooks = hooks
        self._collector = collector
        self._limit = limit

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            DocumentedRoute(PATH, self._receive, _LIFECYCLE, method="POST"),
            DocumentedRoute(f"{PATH}/collector", self._collect, _COLLECTOR, method="POST"),
        ]

    async def _receive(self, request: Request) -> JSONResponse:
        """413 for what is too large, 503 when nothing can keep it; everything else is a 200."""
        if not self._application.partner_token:
            raise AppError(ErrorCode.NOT_CONFIGURED)
        try:
            raw = await read_body(request, MAX_BODY_BYTES)
            body = object_of(raw)
        except AppError as refusal:
            if refusal.code is ErrorCode.PAYLOAD_TOO_LARGE:
                raise
            return _refused("Invalid request", refusal.code)
        if "event" not in body and "resource" in body:
            return await self._entity(request, raw, body)
        return await self._lifecycle(raw, body)

    async def _lifecycle(self, raw: bytes, body: Body) -> JSONResponse:
        token = body.get("partner_token")
        if not isinstance(token, str) or not token:
            return _refused("Missing partner_token", ErrorCode.TOKEN_MISSING)
        if not same_secret(token, self._application.partner_token):
            return _refused("Invalid partner_token", ErrorCode.TOKEN_INVALID)
        if self._is_of_another_application(body):
            _log.info("webhook_of_another_application")
            return _received(skipped="different_application")
        try:
            notification = _notification(body)
        except AppError as refusal:
            await self._collector.keep("lifecycle", raw)
            return _refused("Invalid request", refusal.code)
        receipt = await self._intake.receive(notification)
        return _received(receipt.webhook_id, receipt.skipped)

    async def _entity(self, request: Request, raw: bytes, body: Body) -> JSONResponse:
        """News of a record at this address: believed with the token, else only collected."""
        token = body.get("partner_token")
        if isinstance(token, str) and same_secret(token, self._application.partner_token):
            try:
                await self._hooks.note(_salon_of(body, "company_id"), body)
            except AppError as refusal:
                return _refused("Invalid request", refusal.code)
            return _received()
        await self._keep(request, "entity", raw)
        return _received(skipped="without_secret")

    async def _collect(self, request: Request) -> JSONResponse:
        await self._keep(request, "collector", await read_body(request, MAX_BODY_BYTES))
        return _received()

    async def _keep(self, request: Request, kind: str, raw: bytes) -> None:
        """Raises AppError(RATE_LIMITED)."""
        address = request.client.host if request.client else ""
        if await self._limit.allows(address):
            await self._collector.keep(kind, raw)
        elif kind == "collector":
            raise AppError(ErrorCode.RATE_LIMITED, retry_after=60)

    def _is_of_another_application(self, body: Body) -> bool:
        """Without an id it is ours: the token is."""
        told, ours = body.get("application_id"), self._application.application_id
        return told is not None and ours is not None and str(told) != str(ours)


def object_of(raw: bytes) -> Body:
    """What Postgres can keep. Raises AppError(INVALID_REQUEST)."""
    try:
        value = storable(json.loads(raw))
    except (ValueError, RecursionError):
        raise AppError(ErrorCode.INVALID_REQUEST) from None
    if not isinstance(value, dict):
        raise AppError(ErrorCode.INVALID_REQUEST)
    return value


def _notification(body: Body) -> Notification:
    event = body.get("event")
    if not isinstance(event, str) or not 0 < len(event) <= MAX_EVENT_LENGTH:
        raise AppError(ErrorCode.INVALID_REQUEST)
    salon_id = _salon_of(body, "salon_id")
    payload = {name: value for name, value in body.items() if name != "partner_token"}
    return Notification(salon_id, event, {**payload, **_ids_as_numbers(salon_id, body)})


def _ids_as_numbers(salon_id: SalonId, body: Body) -> Body:
    """The same for every copy, also when YClients writes them as text."""
    application = body.get("application_id")
    if isinstance(application, str) and _APPLICATION_ID.fullmatch(application):
        return {"salon_id": salon_id, "application_id": int(application)}
    return {"salon_id": salon_id}


def _salon_of(body: Body, name: str) -> SalonId:
    return parse_salon_id(body.get(name))


def _received(webhook_id: str | None = None, skipped: str | None = None) -> JSONResponse:
    answer: dict[str, object] = {"success": True, "received": True}
    if webhook_id is not None:
        answer["webhook_id"] = webhook_id
    if skipped is not None:
        answer["skipped"] = skipped
    return json_answer(answer)


def _refused(error: str, code: ErrorCode) -> JSONResponse:
    _log.info("webhook_refused", code=code)
    return json_answer({"success": False, "error": error, "code": code.value})
