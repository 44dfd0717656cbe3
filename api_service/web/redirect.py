"""Where YClients sends an owner who pressed «Подключить»."""

from collections.abc import Callable
from urllib.parse import quote

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from api_service.core.registration import Registrar
from api_service.core.salon_ids import salon_id_of_query
from api_service.web.headers import PRIVATE
from api_service.web.linking_models import RedirectAsked
from api_service.web.openapi.operation import HTML, Answer, DocumentedRoute, Operation
from api_service.web.pages import Pages
from shared.errors import ErrorCode

_log = structlog.get_logger(__name__)


class Redirect:
    """``wake``: a salon may have become due by its owner's coming."""

    def __init__(self, registrar: Registrar, pages: Pages, wake: Callable[[], None]) -> None:
        self._registrar = registrar
        self._pages = pages
        self._wake = wake

    @property
    def routes(self) -> list[BaseRoute]:
        operation = Operation(
            "An owner pressed «Подключить» in YClients",
            [Answer(302, "To the onboarding page.", headers={"Location": "With a token."})],
            "Onboarding",
            query=RedirectAsked,
            errors=(
                ErrorCode.INVALID_SALON_ID,
                ErrorCode.USER_DATA_INVALID,
                ErrorCode.SIGNATURE_MISSING,
                ErrorCode.SIGNATURE_INVALID,
                ErrorCode.SALON_NOT_CONNECTED,
                ErrorCode.SALON_OF_ANOTHER_USER,
                ErrorCode.NOT_CONFIGURED,
                ErrorCode.SERVICE_UNAVAILABLE,
            ),
            errors_as=HTML,
        )
        endpoint = self._pages.guard(self._redirect)
        return [DocumentedRoute("/auth/yclients/redirect", endpoint, operation)]

    async def _redirect(self, request: Request) -> Response:
        query = request.query_params
        salon_id = salon_id_of_query(query.multi_items())
        token = await self._registrar.register(
            salon_id, query.get("user_data", ""), query.get("user_data_sign", "")
        )
        self._wake()
        _log.info("registration_started", salon_id=salon_id)
        return RedirectResponse(
            f"/marketplace/onboarding?token={quote(token)}", status_code=302, headers=PRIVATE
        )
