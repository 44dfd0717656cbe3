"""POST /webhook/yclients/hook/{salon}/{secret}: news of a salon's records."""

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from api_service.core.entity_hooks import EntityHooks
from api_service.core.hook_address import PREFIX
from api_service.web.answers import json_answer
from api_service.web.bodies import read_body
from api_service.web.openapi.operation import SALON_ID, Answer, DocumentedRoute, Operation
from api_service.web.webhook_models import AnyNotification, NotificationTold
from api_service.web.webhooks import MAX_BODY_BYTES, TAG, object_of
from shared.company_id import SalonId, parse_salon_id
from shared.errors import AppError, ErrorCode

_log = structlog.get_logger(__name__)


class EntityHookApi:
    """404 for every address that is none; else 200, also when it can make nothing of the news."""

    def __init__(self, hooks: EntityHooks) -> None:
        self._hooks = hooks

    @property
    def routes(self) -> list[BaseRoute]:
        operation = Operation(
            "News of a salon's records",
            [Answer(200, "Also when nothing can be made of it.", NotificationTold)],
            TAG,
            path={"salon_id": SALON_ID, "secret": {"type": "string", "minLength": 1}},
            body=AnyNotification,
            errors=(
                ErrorCode.INVALID_REQUEST,
                ErrorCode.NOT_FOUND,
                ErrorCode.PAYLOAD_TOO_LARGE,
                ErrorCode.NOT_CONFIGURED,
                ErrorCode.SERVICE_UNAVAILABLE,
            ),
        )
        path = f"{PREFIX}/{{salon_id}}/{{secret}}"
        return [DocumentedRoute(path, self._receive, operation, method="POST")]

    async def _receive(self, request: Request) -> JSONResponse:
        salon_id = _salon_of(request)
        raw = await read_body(request, MAX_BODY_BYTES)
        try:
            body = object_of(raw)
        except AppError:
            body = {}
        try:
            await self._hooks.receive(salon_id, request.path_params["secret"], body)
        except AppError as refusal:
            if refusal.code is not ErrorCode.INVALID_REQUEST:
                raise
            _log.info("entity_webhook_refused", salon_id=salon_id, code=refusal.code)
            return json_answer(
                {"success": False, "error": "Invalid request", "code": refusal.code.value}
            )
        return json_answer({"success": True, "received": True})


def _salon_of(request: Request) -> SalonId:
    try:
        return parse_salon_id(request.path_params["salon_id"])
    except AppError:
        raise AppError(ErrorCode.NOT_FOUND) from None
