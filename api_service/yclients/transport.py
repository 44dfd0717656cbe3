"""One exchange with YClients: its turn in the budget, the breaker, the request, the answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

import httpx2
import structlog

from api_service.yclients.access import CONNECT_S
from api_service.yclients.answers import MAX_BYTES, Answer
from api_service.yclients.errors import (
    AmbiguousError,
    NotSentError,
    RefusedError,
    YclientsError,
)
from shared.bus.connection import BusError
from shared.lifecycle import raise_if_cancelled

_log = structlog.get_logger(__name__)

TELL_S: Final = 1.0
"""For the breaker to hear how a call ended: the caller's own time may be over by then."""
FAIR_CHANCE_S: Final = 5.0
"""A time-out after less than this says nothing about YClients' health."""
_REQUEST_LEAVES: Final = "http11.send_request_headers.started"
_BEFORE_SENDING: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    TimeoutError,
)

T = TypeVar("T")


def _now() -> float:
    return asyncio.get_running_loop().time()


class Budget(Protocol):
    """The calls that all API processes may make together. Raises BusError."""

    async def turn(self, deadline: float, *, background: bool) -> float | None:
        """Return when it is this call's turn, or None at once when it would be after ``deadline``.

        A turn that is free now is always given. ``deadline``, and the answer, the moment until
        which the turn is good: on the loop's clock.
        """


class Admission(Protocol):
    @property
    def admitted(self) -> bool: ...
    @property
    def wait_ms(self) -> int: ...


class Breaker(Protocol):
    """Shared by all API processes; half-open, it admits one at a time. Raises BusError."""

    async def enter(self) -> Admission: ...
    async def succeeded(self) -> None: ...
    async def failed(self) -> None: ...
    async def withdrew(self) -> None: ...


@dataclass(slots=True)
class Call:
    """One call as its caller sees it, with all its attempts. Moments are on the loop's clock.

    ``turn_by``: a turn that comes later is none, since the rest until the ``deadline`` is for the
    request. ``hurried``: a person waits. ``may_leave``: the caller's last word.
    ``salon_id`` is for the log line alone.
    """

    operation: str
    method: str
    path: str
    deadline: float
    turn_by: float
    salon_id: int | None = None
    params: dict[str, str | int | float] | None = None
    body: dict[str, Any] | None = None
    background: bool = False
    hurried: bool = False
    may_leave: Callable[[], bool] | None = None
    attempts: int = 0
    waited_s: float = 0.0
    status: int | None = None


@dataclass(slots=True)
class _Departure:
    """Whether an attempt's request may have left, and until when its turn is good."""

    turn_good_until: float
    left: bool = False
    since: float = field(default_factory=_now)

    @property
    def age_s(self) -> float:
        return _now() - self.since


class Transport:
    def __init__(self, http: httpx2.AsyncClient, budget: Budget, breaker: Breaker) -> None:
        self._http = http
        self._budget = budget
        self._breaker = breaker

    async def exchange(self, call: Call, read: Callable[[Answer], T]) -> T:
        """One attempt, and what ``read`` makes of its answer. Raises YclientsError."""
        call.attempts += 1
        call.status = None
        departure = _Departure(await self._turn(call))
        await self._enter(call.deadline)
        try:
            raise_if_cancelled()
            answer = await self._send(call, departure)
            call.status = answer.status
            result = read(answer)
        except YclientsError as error:
            await self._tell(_verdict(error, departure.age_s))
            raise
        except BaseException:
            await self._tell(None)
            raise
        await self._tell(True)
        return result

    async def close(self) -> None:
        await self._http.aclose()

    async def _turn(self, call: Call) -> float:
        started = _now()
        try:
            async with asyncio.timeout_at(call.deadline):
                good_until = await self._budget.turn(call.turn_by, background=call.background)
        except (BusError, OSError, TimeoutError):
            raise NotSentError("budget_unavailable") from None
        finally:
            call.waited_s += _now() - started
        if good_until is None:
            raise NotSentError("budget_exhausted")
        return good_until

    async def _enter(self, deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                admission = await self._breaker.enter()
        except (BusError, OSError, TimeoutError):
            raise NotSentError("budget_unavailable") from None
        if not admission.admitted:
            raise NotSentError("breaker_open", max(1.0, admission.wait_ms / 1000))

    async def _send(self, call: Call, departure: _Departure) -> Answer:
        async def trace(event: str, _info: object) -> None:
            """The last moment before the first byte leaves: a turn that has passed is taken anew.

            A connection that was long in coming must not make two calls out of two turns arrive
            together.
            """
            if event == _REQUEST_LEAVES:
                if _now() > departure.turn_good_until:
                    await self._turn(call)
                if call.may_leave is not None and not call.may_leave():
                    raise NotSentError("overtaken")
                departure.left = True

        request = self._http.build_request(
            call.method,
            call.path,
            params=call.params,
            json=call.body,
            timeout=_timeout(call.deadline),
            extensions={"trace": trace},
        )
        try:
            async with asyncio.timeout_at(call.deadline):
                return await self._answer(request)
        except (httpx2.HTTPError, TimeoutError) as error:
            raise _failure(error, left=departure.left) from None

    async def _answer(self, request: httpx2.Request) -> Answer:
        response = await self._http.send(request, stream=True)
        try:
            return Answer(
                response.status_code,
                response.headers.get("content-type", ""),
                await _body(response),
                response.headers.get("retry-after", ""),
            )
        finally:
            await response.aclose()

    async def _tell(self, healthy: bool | None) -> None:
        """Redis being away must neither hide nor delay the call's own outcome."""
        try:
            async with asyncio.timeout(TELL_S):
                if healthy is None:
                    await self._breaker.withdrew()
                elif healthy:
                    await self._breaker.succeeded()
                else:
                    await self._breaker.failed()
        except (BusError, OSError, TimeoutError) as trouble:
            _log.warning("breaker_not_told", error=type(trouble).__name__)


async def _body(response: httpx2.Response) -> bytes | None:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            return None
    return bytes(body)


def _timeout(deadline: float) -> httpx2.Timeout:
    """The deadline ends an attempt. A connection that does not come about must end earlier.

    ``connect`` holds for its two steps, TCP and TLS, each; cancelled in the second one, the library
    would leave the socket open.
    """
    left_s = max(0.001, deadline - _now())
    return httpx2.Timeout(left_s, connect=min(left_s * 0.45, CONNECT_S))


def _failure(error: Exception, *, left: bool) -> YclientsError:
    if not left and isinstance(error, _BEFORE_SENDING):
        return NotSentError("unreachable")
    if isinstance(error, httpx2.TimeoutException | TimeoutError):
        return AmbiguousError("timeout")
    return AmbiguousError("connection_lost")


def _verdict(error: YclientsError, age_s: float) -> bool | None:
    """Whether YClients is in health; None when this shows neither. A refusal is an answer."""
    match error.reason:
        case "unreachable" | "server_error" | "connection_lost":
            return False
        case "timeout":
            return False if age_s >= FAIR_CHANCE_S else None
        case _:
            return True if isinstance(error, RefusedError) else None
