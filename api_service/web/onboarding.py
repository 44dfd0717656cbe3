"""The onboarding page, for whoever brings a valid token."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from api_service.core.tokens import Tokens
from api_service.web.pages import Pages


class Onboarding:
    def __init__(self, tokens: Tokens, pages: Pages) -> None:
        self._tokens = tokens
        self._pages = pages

    @property
    def routes(self) -> list[BaseRoute]:
        return [Route("/marketplace/onboarding", self._pages.guard(self._page))]

    async def _page(self, request: Request) -> Response:
        self._tokens.verify(request.query_params.get("token"))
        return self._pages.onboarding()
