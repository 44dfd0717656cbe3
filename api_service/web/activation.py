"""POST /marketplace/activate: how a salon's activation ends, for whoever waits for it."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from api_service.core.activation_request import ActivationRequests
from api_service.store.activations import ActivationState, IntegrationStatus
from api_service.web.answers import json_answer
from api_service.web.bodies import read_object
from api_service.web.errors import error_body
from api_service.web.linking_models import Activated, ActivationAsked, ActivationPending
from api_service.web.openapi.operation import Answer, DocumentedRoute, Operation
from shared.company_id import SalonId
from shared.errors import AppError, ErrorCode
from shared.texts import activation_text

MAX_BODY_BYTES: Final = 16 * 1024


class ActivationApi:
    def __init__(self, requests: ActivationRequests) -> None:
        self._requests = requests

    @property
    def routes(self) -> list[BaseRoute]:
        operation = Operation(
            "Wait for the salon's activation in YClients",
            [
                Answer(200, "It is active.", Activated),
                Answer(202, "It is not yet; the server goes on by itself.", ActivationPending),
            ],
            "Linking",
            "The server activates a linked salon also when nobody asks.",
            body=ActivationAsked,
            errors=(
                ErrorCode.TOKEN_MISSING,
                ErrorCode.TOKEN_INVALID,
                ErrorCode.REGISTRATION_EXPIRED,
                ErrorCode.REGISTRATION_NOT_FOUND,
                ErrorCode.INVALID_REQUEST,
                ErrorCode.PAYLOAD_TOO_LARGE,
                ErrorCode.CONCURRENT_ACTIVATION,
                ErrorCode.SALON_FROZEN,
                ErrorCode.ACTIVATION_FAILED,
                ErrorCode.NOT_CONFIGURED,
                ErrorCode.SERVICE_UNAVAILABLE,
            ),
        )
        return [DocumentedRoute("/marketplace/activate", self._activate, operation, method="POST")]

    async def _activate(self, request: Request) -> JSONResponse:
        """``{"token": "…"}``. 200 active, 202 not yet, 500 refused by YClients for now."""
        body = await read_object(request, MAX_BODY_BYTES)
        token = body.get("token")
        registration = self._requests.registration_of(token if isinstance(token, str) else None)
        state = await self._requests.request(registration)
        return _answer(state, registration.salon_id)


def _answer(state: ActivationState, salon_id: SalonId) -> JSONResponse:
    text = activation_text(state.status.value)
    about: dict[str, Any] = {
        "message": f"{text.message} {text.next_step}".rstrip(),
        "company_id": state.company_id,
        "salon_id": salon_id,
    }
    match state.status:
        case IntegrationStatus.ACTIVE:
            return json_answer({"success": True, **about})
        case IntegrationStatus.ACTIVATION_FAILED:
            failure = AppError(ErrorCode.ACTIVATION_FAILED)
            return json_answer({"success": False, **error_body(failure)}, failure.http_status)
        case IntegrationStatus.FROZEN:
            raise AppError(ErrorCode.SALON_FROZEN)
        case _:
            return json_answer({"success": True, "status": "activation_pending", **about}, 202)
