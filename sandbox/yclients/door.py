"""Who may come in: the limit first, then who it is, then how it asks, as the real one."""

import hmac
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from sandbox.yclients.connections import Connections, Status
from sandbox.yclients.envelope import refusal, second_refusal
from sandbox.yclients.operations import Call, Door
from sandbox.yclients.rate import RateLimit

ACCEPT: Final = "application/vnd.yclients.v2+json"
NEEDS_LOGIN: Final = "Необходима авторизация"
BUSINESS: Final = "/api/"


class Doorkeeper:
    """``user_token``: of the application's own user, the same for all salons; empty: there is none.

    Its rights begin in a salon with the activation there (D2).
    """

    def __init__(
        self, limit: RateLimit, connections: Connections, partner_token: str, user_token: str
    ) -> None:
        self._limit = limit
        self._connections = connections
        self._partner_token = partner_token
        self._user_token = user_token

    def refuse(self, request: Request, call: Call, salon_id: int | None) -> Response | None:
        address = request.client.host if request.client else "unknown"
        if not self._limit.admit(address):
            return refusal(429, "Превышен лимит запросов")
        partner, user = _tokens(request)
        if not _same(partner, self._partner_token):
            # The business API's own 401 has the other shape (D1).
            said = second_refusal if call.path.startswith(BUSINESS) else refusal
            return said(401, NEEDS_LOGIN)
        if request.headers.get("accept") != ACCEPT:
            return refusal(400, f"Accept: {ACCEPT}")
        if call.door is Door.USER:
            return self._refuse_user(user, salon_id)
        return None

    def is_user(self, request: Request, salon_id: int | None) -> bool:
        return self._refuse_user(_tokens(request)[1], salon_id) is None

    def _refuse_user(self, user: str, salon_id: int | None) -> Response | None:
        if not self._user_token or not _same(user, self._user_token):
            return second_refusal(401, NEEDS_LOGIN)
        connection = self._connections.find(salon_id) if salon_id is not None else None
        if connection is not None and connection.status is not Status.ACTIVE:
            return refusal(403, "Недостаточно прав")
        return None


def _tokens(request: Request) -> tuple[str, str]:
    """`Bearer <partner token>[, User <user token>]`, in one header (D1)."""
    found = {"Bearer": "", "User": ""}
    for part in request.headers.get("authorization", "").split(","):
        scheme, _, token = part.strip().partition(" ")
        if scheme in found:
            found[scheme] = token.strip()
    return found["Bearer"], found["User"]


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
