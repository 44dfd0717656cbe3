"""The onboarding page, for whoever brings a valid token."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api_service.core.tokens import Tokens
from api_service.web.linking_models import OnboardingAsked
from api_service.web.openapi.operation import HTML, Answer, DocumentedRoute, Operation
from api_service.web.pages import Pages
from shared.errors import ErrorCode


class Onboarding:
    def __init__(self, tokens: Tokens, pages: Pages) -> None:
        self._tokens = tokens
        self._pages = pages

    @property
    def routes(self) -> list[BaseRoute]:
        operation = Operation(
            "The page on which a salon links its WhatsApp",
            [Answer(200, "The page.", media_type=HTML)],
            "Onboarding",
            query=OnboardingAsked,
            errors=(
                ErrorCode.TOKEN_MISSING,
                ErrorCode.TOKEN_INVALID,
                ErrorCode.TOKEN_EXPIRED,
                ErrorCode.NOT_CONFIGURED,
            ),
            errors_as=HTML,
        )
        endpoint = self._pages.guard(self._page)
        return [DocumentedRoute("/marketplace/onboarding", endpoint, operation)]

    async def _page(self, request: Request) -> Response:
        self._tokens.verify(request.query_params.get("token"))
        return self._pages.onboarding()
