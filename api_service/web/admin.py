"""What an operator with the admin token may see and do."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from api_service.core.breaker import Breaker
from api_service.core.limits import Allowance, Limits
from api_service.web.answers import json_answer
from api_service.web.bearer import bearer_of, same_secret
from api_service.web.errors import as_app_error, json_error
from shared.errors import AppError, ErrorCode

_log = structlog.get_logger(__name__)

Answer = Callable[[Request], Awaitable[dict[str, Any]]]


class Admin:
    """Every answer says how many requests of the address are left in this minute."""

    def __init__(self, token: str, limits: Limits, qr_breaker: Breaker) -> None:
        self._token = token
        self._limits = limits
        self._qr_breaker = qr_breaker

    @property
    def routes(self) -> list[BaseRoute]:
        breaker = "/marketplace/admin/circuit-breaker"
        return [
            Route(f"{breaker}/stats", self._guarded(self._stats), methods=["GET"]),
            Route(f"{breaker}/reset", self._guarded(self._reset), methods=["POST"]),
        ]

    def _guarded(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        """Wrong tokens count as well: nobody tries many of them."""

        async def guarded(request: Request) -> Response:
            address = request.client.host if request.client else "unknown"
            allowance = await self._limits.count_admin_request(address)
            response = await self._answer(request, answer, allowance)
            response.headers["X-RateLimit-Limit"] = str(allowance.limit)
            response.headers["X-RateLimit-Remaining"] = str(allowance.remaining)
            response.headers["X-RateLimit-Reset"] = str(allowance.resets_at)
            return response

        return guarded

    async def _answer(self, request: Request, answer: Answer, allowance: Allowance) -> JSONResponse:
        try:
            self._admit(request, allowance)
            return json_answer({"success": True, **await answer(request)})
        except Exception as error:
            refusal = as_app_error(error)
            if refusal.code is ErrorCode.INTERNAL_ERROR:
                raise
            _log.info("admin_refused", code=refusal.code)
            return json_error(refusal)

    def _admit(self, request: Request, allowance: Allowance) -> None:
        """Raises AppError(RATE_LIMITED, NOT_CONFIGURED, TOKEN_INVALID)."""
        if not allowance.admitted:
            raise AppError(ErrorCode.RATE_LIMITED)
        if not self._token:
            raise AppError(ErrorCode.NOT_CONFIGURED)
        if not same_secret(bearer_of(request), self._token):
            raise AppError(ErrorCode.TOKEN_INVALID)

    async def _stats(self, _request: Request) -> dict[str, Any]:
        reading = await self._qr_breaker.read()
        return {
            "circuitBreakers": {
                "qrGeneration": {
                    "state": reading.state.value,
                    "failures": reading.failures,
                    "retry_after": -(-reading.wait_ms // 1000),
                }
            }
        }

    async def _reset(self, request: Request) -> dict[str, Any]:
        """For all API processes."""
        await self._qr_breaker.reset()
        _log.warning("breaker_reset", breaker="qrGeneration")
        return await self._stats(request)
