"""Linking over HTTP, for pages that have no socket: a QR, and the session's status."""

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from api_service.core.linking import seconds_left
from api_service.core.qr_linking import QrLinking
from api_service.core.standing import Standing
from api_service.core.tokens import Registration, Tokens
from api_service.web.answers import json_answer
from api_service.web.bearer import bearer_of
from api_service.web.linking_models import LiveQr, SessionState
from api_service.web.openapi.operation import (
    ONBOARDING_TOKEN,
    SESSION_ID,
    Answer,
    DocumentedRoute,
    Operation,
)
from shared.bus.snapshots import Snapshots
from shared.company_id import parse_session_id
from shared.errors import AppError, ErrorCode
from shared.failures import LINK_ERRORS
from shared.messages.status import SessionStatus
from shared.texts import status_text

_STATUS: Final = "/marketplace/api/status/"
_TAG: Final = "Linking"
_TOKEN_ERRORS: Final = (
    ErrorCode.TOKEN_INVALID,
    ErrorCode.TOKEN_EXPIRED,
    ErrorCode.NOT_CONFIGURED,
    ErrorCode.SERVICE_UNAVAILABLE,
)
ASK_AGAIN_S: Final = 5
"""While the salon waits in the queue."""


class LinkingApi:
    def __init__(
        self, tokens: Tokens, qr_linking: QrLinking, snapshots: Snapshots, standing: Standing
    ) -> None:
        self._tokens = tokens
        self._qr_linking = qr_linking
        self._snapshots = snapshots
        self._standing = standing

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            DocumentedRoute(
                "/marketplace/api/qr",
                self._qr,
                Operation(
                    "A QR by which the salon's WhatsApp is linked",
                    [Answer(200, "A live QR.", LiveQr)],
                    _TAG,
                    security=ONBOARDING_TOKEN,
                    errors=(
                        *_TOKEN_ERRORS,
                        *sorted(LINK_ERRORS),
                        ErrorCode.REGISTRATION_NOT_FOUND,
                        ErrorCode.ALREADY_CONNECTED,
                        ErrorCode.QR_TIMEOUT,
                    ),
                ),
                method="POST",
            ),
            DocumentedRoute(
                f"{_STATUS}{{session_id:path}}",
                self._status,
                Operation(
                    "How a salon's WhatsApp session stands",
                    [Answer(200, "Its present state.", SessionState)],
                    _TAG,
                    path={"session_id": SESSION_ID},
                    security=ONBOARDING_TOKEN,
                    errors=(*_TOKEN_ERRORS, ErrorCode.INVALID_SESSION_ID, ErrorCode.FORBIDDEN),
                ),
            ),
        ]

    async def _qr(self, request: Request) -> JSONResponse:
        registration = self._registration(request)
        await self._standing.require_installed(registration.salon_id)
        answer = await self._qr_linking.request(registration.session_id)
        if answer.qr is None:
            raise AppError(
                ErrorCode.QR_TIMEOUT,
                retry_after=ASK_AGAIN_S,
                queue_position=answer.queue_position,
            )
        return json_answer(
            {
                "success": True,
                "qr": answer.qr.qr,
                "session_id": registration.session_id,
                "expires_in": seconds_left(answer.qr.expires_at),
                "expires_at": answer.qr.expires_at,
            }
        )

    async def _status(self, request: Request) -> JSONResponse:
        """``connected`` only while the WhatsApp connection is open and logged in."""
        registration = self._registration(request)
        session_id = parse_session_id(request.scope["path"].removeprefix(_STATUS))
        if session_id != registration.session_id:
            raise AppError(ErrorCode.FORBIDDEN)
        state = await self._snapshots.present_state(session_id)
        snapshot = state.snapshot
        status = snapshot.status if snapshot else SessionStatus.IDLE
        text = status_text(status, snapshot.reason if snapshot else None)
        return json_answer(
            {
                "success": True,
                "status": status.value,
                "connected": snapshot.connected if snapshot else False,
                "session_id": session_id,
                "phoneNumber": snapshot.phone_number if snapshot else None,
                "hasQR": state.qr is not None,
                "hasPairingCode": state.code is not None,
                "reason": snapshot.reason if snapshot else None,
                "message": text.message,
                "nextStep": text.next_step,
            }
        )

    def _registration(self, request: Request) -> Registration:
        """Raises AppError(TOKEN_INVALID) also when none was sent: the answer is 401 either way."""
        token = bearer_of(request)
        if token is None:
            raise AppError(ErrorCode.TOKEN_INVALID)
        return self._tokens.verify(token)
