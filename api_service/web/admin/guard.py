"""The door of the admin API: who may, how often, and what goes out with every answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api_service.core.admin.operators import Operator, Operators
from api_service.core.limits import Allowance, Limits
from api_service.store.admin_audit import Actor
from api_service.store.admin_tokens import Role
from api_service.web.answers import json_answer
from api_service.web.bearer import bearer_of
from api_service.web.errors import as_app_error, json_error
from api_service.web.openapi.operation import ADMIN_TOKEN, DocumentedRoute, Operation
from shared.errors import AppError, ErrorCode

_log = structlog.get_logger(__name__)

PREFIX: Final = "/marketplace/admin"

_LIMIT_HEADERS: Final = {
    "X-RateLimit-Limit": "Requests allowed from one address in a minute.",
    "X-RateLimit-Remaining": "How many of them are left.",
    "X-RateLimit-Reset": "When the oldest of them is forgotten: seconds since the epoch.",
}
_ERRORS: Final = (
    ErrorCode.ADMIN_TOKEN_INVALID,
    ErrorCode.ADMIN_ROLE_REQUIRED,
    ErrorCode.RATE_LIMITED,
    ErrorCode.SERVICE_UNAVAILABLE,
)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that was let in."""

    request: Request
    operator: Operator

    @property
    def actor(self) -> Actor:
        return self.operator.at(address_of(self.request))


Answer = Callable[[Visit], Awaitable[BaseModel]]


class Guard:
    """Every answer says how many requests of the address are left in this minute."""

    def __init__(self, operators: Operators, limits: Limits) -> None:
        self._operators = operators
        self._limits = limits

    def reads(self, path: str, answer: Answer, operation: Operation) -> DocumentedRoute:
        return self._route("GET", path, Role.ADMIN, answer, operation)

    def reads_all(self, path: str, answer: Answer, operation: Operation) -> DocumentedRoute:
        """For superadmins alone."""
        return self._route("GET", path, Role.SUPERADMIN, answer, operation)

    def changes(self, path: str, answer: Answer, operation: Operation) -> DocumentedRoute:
        return self._route("POST", path, Role.MARKETPLACE_ADMIN, answer, operation)

    def _route(
        self, method: str, path: str, needed: Role, answer: Answer, operation: Operation
    ) -> DocumentedRoute:
        whole = replace(
            operation,
            answers=[replace(told, headers=_LIMIT_HEADERS) for told in operation.answers],
            security=ADMIN_TOKEN,
            errors=(*dict.fromkeys((*operation.errors, *_ERRORS)),),
            error_headers=_LIMIT_HEADERS,
            description=f"{operation.description} Role: {needed.value}.".strip(),
        )
        return DocumentedRoute(
            f"{PREFIX}{path}", self._guarded(needed, answer), whole, method=method
        )

    def _guarded(self, needed: Role, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        """Wrong tokens count as well: nobody tries many of them."""

        async def guarded(request: Request) -> Response:
            allowance = await self._limits.count_admin_request(address_of(request))
            response = await self._answer(request, needed, answer, allowance)
            response.headers["X-RateLimit-Limit"] = str(allowance.limit)
            response.headers["X-RateLimit-Remaining"] = str(allowance.remaining)
            response.headers["X-RateLimit-Reset"] = str(allowance.resets_at)
            return response

        return guarded

    async def _answer(
        self, request: Request, needed: Role, answer: Answer, allowance: Allowance
    ) -> JSONResponse:
        try:
            visit = await self._let_in(request, needed, allowance)
            return json_answer((await answer(visit)).model_dump(mode="json"))
        except Exception as error:
            refusal = as_app_error(error)
            if refusal.code is ErrorCode.INTERNAL_ERROR:
                raise
            _log.info("admin_refused", code=refusal.code)
            return json_error(refusal)

    async def _let_in(self, request: Request, needed: Role, allowance: Allowance) -> Visit:
        """Raises AppError(RATE_LIMITED, ADMIN_TOKEN_INVALID, ADMIN_ROLE_REQUIRED)."""
        if not allowance.admitted:
            raise AppError(ErrorCode.RATE_LIMITED, retry_after=allowance.retry_after_s)
        operator = await self._operators.known_by(bearer_of(request))
        operator.require(needed)
        return Visit(request, operator)


def address_of(request: Request) -> str:
    return request.client.host if request.client else "unknown"
