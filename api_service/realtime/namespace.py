"""The Socket.IO namespace of onboarding pages: who may come in, and what they may ask."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import socketio
import structlog
from prometheus_client import Counter

from api_service.core.code_linking import CodeLinking
from api_service.core.limits import Limits
from api_service.core.linking import AnnouncedError
from api_service.core.qr_linking import QrLinking
from api_service.core.standing import Standing
from api_service.core.tokens import Registration, Tokens
from api_service.core.unlinking import Unlinking
from api_service.realtime import payloads
from api_service.realtime.activation_board import ActivationBoard
from api_service.realtime.connections import Connection, Connections, SocketId
from api_service.realtime.handshake import read_handshake
from api_service.realtime.payloads import Told
from api_service.realtime.relay import NAMESPACE, Relay
from shared.bus import keys
from shared.bus.connection import BusError
from shared.errors import AppError, ErrorCode
from shared.observability import capture
from shared.phone import PhoneNumber, parse_phone

_log = structlog.get_logger(__name__)
_refusals = Counter("realtime_errors_total", "Errors told to pages", ["event", "code"])

MAX_REFUSALS: Final = 20
"""Requests of one page that were not understood; after that it is let go."""

Request = Callable[[Connection, tuple[Any, ...]], Awaitable[bool]]
"""False when the arguments are not what the request takes."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the namespace works with."""

    tokens: Tokens
    limits: Limits
    connections: Connections
    relay: Relay
    qr_linking: QrLinking
    code_linking: CodeLinking
    unlinking: Unlinking
    standing: Standing
    activation_board: ActivationBoard


class OnboardingNamespace(socketio.AsyncNamespace):  # type: ignore[misc]  # socketio has no types
    """Every wait is in a task of the connection, so that a page's packets are taken in order."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(NAMESPACE)
        self._desk = desk
        self._requests: dict[str, Request] = {
            "request-qr": self._on_request_qr,
            "request-pairing-code": self._on_request_code,
            "unlink": self._on_unlink,
        }

    async def trigger_event(self, event: str, *args: Any) -> None:
        """Entered by the library for everything that happens in the namespace."""
        sid = SocketId(args[0])
        if event == "connect":
            environ, auth = args[1:3]
            await self._on_connect(sid, environ, auth)
        elif event == "disconnect":
            self._desk.connections.remove(sid)
        else:
            await self._on_request(sid, event, args[1:])

    async def _on_connect(self, sid: SocketId, environ: dict[str, Any], auth: object) -> None:
        try:
            registration = await self._admit(environ, auth)
        except AppError as refusal:
            await self._turn_away(sid, refusal)
            return
        # The page may have gone while Redis was asked, and then nobody would tell us again.
        if not self.server.manager.is_connected(sid, NAMESPACE):
            return
        connection = self._desk.connections.add(sid, registration)
        connection.start("token expiry", self._expire(connection))
        await self.enter_room(sid, keys.salon_room(registration.salon_id))
        await self._greet(connection)

    async def _admit(self, environ: dict[str, Any], auth: object) -> Registration:
        """While Redis is away nothing can be counted, and nothing be asked for either."""
        handshake = read_handshake(environ, auth)
        limits = self._desk.limits
        try:
            await limits.admit_connection_from(handshake.address)
            registration = self._desk.tokens.verify(handshake.token)
            await limits.admit_connection_with(handshake.token or "")
        except BusError as error:
            _log.warning("connection_not_counted", error=type(error).__name__)
            return self._desk.tokens.verify(handshake.token)
        return registration

    async def _turn_away(self, sid: SocketId, refusal: AppError) -> None:
        """Told why, then let go."""
        _log.info("socket_refused", code=refusal.code)
        await self._tell(sid, payloads.error(refusal))
        await self.disconnect(sid)

    async def _expire(self, connection: Connection) -> None:
        await asyncio.sleep(max(0.0, connection.registration.expires_at - time.time()))
        await self._turn_away(connection.sid, AppError(ErrorCode.TOKEN_EXPIRED))

    async def _on_request(self, sid: SocketId, event: str, arguments: tuple[Any, ...]) -> None:
        """A request that is not understood changes nothing; a page that goes on so is let go."""
        connection = self._desk.connections.get(sid)
        if connection is None:
            return
        request = self._requests.get(event)
        if request is not None and await request(connection, arguments):
            return
        _log.warning("socket_request_invalid", known=request is not None)
        connection.refusals += 1
        refusal = AppError(ErrorCode.INVALID_REQUEST)
        if connection.refusals < MAX_REFUSALS:
            await self._tell(sid, payloads.error(refusal))
        else:
            await self._turn_away(sid, refusal)

    async def _on_request_qr(self, connection: Connection, arguments: tuple[Any, ...]) -> bool:
        """Without payload. Asking again while one request is under way changes nothing."""
        if not _empty(arguments):
            return False
        work = self._settle(connection, partial(self._give_qr, connection), payloads.error)
        connection.start("request-qr", work)
        return True

    async def _on_unlink(self, connection: Connection, arguments: tuple[Any, ...]) -> bool:
        """Without payload. Asking again while one request is under way changes nothing."""
        if not _empty(arguments):
            return False
        work = self._settle(connection, partial(self._unlink, connection), payloads.error)
        connection.start("unlink", work)
        return True

    async def _on_request_code(self, connection: Connection, arguments: tuple[Any, ...]) -> bool:
        """``{"phoneNumber": "…"}``."""
        if len(arguments) != 1 or not isinstance(arguments[0], dict):
            return False
        refused = payloads.pairing_code_error
        try:
            phone = parse_phone(arguments[0].get("phoneNumber"))
        except AppError as refusal:
            _log.info("phone_refused", code=refusal.code)
            await self._tell(connection.sid, refused(refusal))
            return True
        work = self._settle(connection, partial(self._give_code, connection, phone), refused)
        if not connection.start("request-pairing-code", work):
            await self._tell(connection.sid, refused(AppError(ErrorCode.REQUEST_IN_PROGRESS)))
        return True

    async def _give_qr(self, connection: Connection) -> None:
        await self._desk.standing.require_installed(connection.registration.salon_id)
        answer = await self._desk.qr_linking.request(connection.session_id)
        if answer.qr is not None and not answer.announced:
            told = payloads.qr_update(answer.qr.qr, answer.qr.expires_at)
            await self._tell(connection.sid, told)

    async def _give_code(self, connection: Connection, phone: PhoneNumber) -> None:
        await self._desk.standing.require_installed(connection.registration.salon_id)
        answer = await self._desk.code_linking.request(connection.session_id, phone)
        if not answer.announced:
            live = answer.code
            told = payloads.pairing_code(live.code, live.phone_number, live.expires_at)
            await self._tell(connection.sid, told)

    async def _unlink(self, connection: Connection) -> None:
        """Success reaches every page as an event."""
        await self._desk.unlinking.request(connection.session_id)

    async def _settle(
        self,
        connection: Connection,
        work: Callable[[], Awaitable[None]],
        told_as: Callable[[AppError], Told],
    ) -> None:
        """The border of a request: every failure reaches the page once."""
        try:
            await work()
        except AppError as failure:
            if failure.code is ErrorCode.ALREADY_CONNECTED:
                await self._greet(connection)
            elif not isinstance(failure, AnnouncedError):
                await self._tell(connection.sid, told_as(failure))
                if failure.code is ErrorCode.SALON_FROZEN:
                    await self._greet(connection)
                elif failure.code is ErrorCode.REGISTRATION_NOT_FOUND:
                    await self._tell(connection.sid, payloads.uninstalled())
        except (BusError, OSError) as error:
            _log.warning("request_without_redis", error=type(error).__name__)
            await self._tell(connection.sid, told_as(AppError(ErrorCode.SERVICE_UNAVAILABLE)))
        except Exception as error:  # noqa: BLE001 - one page's request is a failure domain
            _log.exception("request_failed")
            capture(error, operation="socket request")
            await self._tell(connection.sid, told_as(AppError(ErrorCode.INTERNAL_ERROR)))

    async def _greet(self, connection: Connection) -> None:
        try:
            await self._desk.relay.greet(connection.sid, connection.session_id)
        except (BusError, OSError):
            failure = AppError(ErrorCode.SERVICE_UNAVAILABLE)
            await self._tell(connection.sid, payloads.error(failure))
        await self._desk.activation_board.greet(connection.sid, connection.session_id)

    async def _tell(self, sid: SocketId, told: Told) -> None:
        event, payload = told
        if "code" in payload and event != "pairing-code":
            _refusals.labels(event=event, code=payload["code"]).inc()
        await self.emit(event, payload, to=sid)


def _empty(arguments: tuple[Any, ...]) -> bool:
    """Clients send no payload, null or an empty object."""
    return len(arguments) <= 1 and all(argument in (None, {}) for argument in arguments)
