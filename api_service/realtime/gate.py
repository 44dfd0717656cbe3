"""Refuses what the Socket.IO engine must not see.

The engine logs a traceback for each packet that it cannot parse, keeps half of such a connection
open, and takes an event that a client names ``connect`` for the connection itself. Pages send small
text packets of three kinds: connect, disconnect and event.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import structlog
from engineio import packet as engine_packet
from prometheus_client import Counter
from socketio import packet as socket_packet

_log = structlog.get_logger(__name__)
_violations = Counter("realtime_violations_total", "Packets refused before the engine", ["kind"])

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Engine = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_PACKET_BYTES: Final = 16 * 1024
MAX_DRAINED_BYTES: Final = 2 * 1024 * 1024
BODY_S: Final = 10.0
"""A page's packets are small: a body that takes longer is not waited for."""
_SEPARATOR: Final = "\x1e"
_RESERVED: Final = frozenset({"connect", "disconnect", "connect_error", "error"})
_BAD_REQUEST: Final = 400
_UNSUPPORTED_DATA: Final = 1003
"""RFC 6455, 7.4.1."""


class Gate:
    """An ASGI application around the engine's."""

    def __init__(self, engine: Engine, body_s: float = BODY_S) -> None:
        self._engine = engine
        self._body_s = body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._engage(scope, _checked_frames(receive), send)
        elif scope["method"] == "POST":
            await self._post(scope, receive, send)
        else:
            await self._poll(scope, receive, send)

    async def _engage(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._engine(scope, receive, _noting_refusals(send))

    async def _poll(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A page that gives up its poll has gone; the engine would hold it until a ping fails."""
        polling = asyncio.ensure_future(self._engage(scope, _replayed(b""), send))
        leaving = asyncio.ensure_future(_wait_for_leave(receive))
        try:
            await asyncio.wait({polling, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (polling, leaving):
                task.cancel()
            await asyncio.gather(polling, leaving, return_exceptions=True)
        if not polling.cancelled():
            polling.result()

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._body_s):
                body = await _read_body(receive)
        except TimeoutError:
            await _refuse(send, 408, "too_slow")
            return
        if body is None:
            await _refuse(send, 413, "too_large")
        elif fault := _fault_of_payload(body):
            await _refuse(send, 400, fault)
        else:
            await self._hand_over(scope, body, send)

    async def _hand_over(self, scope: Scope, body: bytes, send: Send) -> None:
        """Of a session that has ended a moment ago the engine says so by a KeyError, to a POST."""
        try:
            await self._engage(scope, _replayed(body), send)
        except KeyError:
            await _refuse(send, _BAD_REQUEST, "session_ended")


def _checked_frames(receive: Receive) -> Receive:
    """A frame that is not a page's reads as the end of the connection."""

    async def next_frame() -> Message:
        message = await receive()
        if message["type"] != "websocket.receive":
            return message
        text = message.get("text")
        fault = "binary" if text is None else _fault_of_packet(text)
        if fault is None:
            return message
        _note(fault)
        return {"type": "websocket.disconnect", "code": _UNSUPPORTED_DATA}

    return next_frame


def _noting_refusals(send: Send) -> Send:
    """An origin, a version or a session that the engine does not know; it tells nobody but them."""
    accepted = False

    async def note(message: Message) -> None:
        nonlocal accepted
        accepted |= message["type"] == "websocket.accept"
        status = message.get("status", 0)
        if status == _BAD_REQUEST or (message["type"] == "websocket.close" and not accepted):
            _log.info("socket_transport_refused")
        await send(message)

    return note


async def _wait_for_leave(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_body(receive: Receive) -> bytes | None:
    """None when it is larger than anything a page sends; a client that went away sent nothing.

    What is too large is read on for a while, or the client would see a reset and not our answer.
    """
    body, size = b"", 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        chunk = bytes(message.get("body", b""))
        size += len(chunk)
        if size <= MAX_PACKET_BYTES:
            body += chunk
        if size > MAX_DRAINED_BYTES or not message.get("more_body"):
            return body if size <= MAX_PACKET_BYTES else None


def _replayed(body: bytes) -> Receive:
    async def once() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _fault_of_payload(body: bytes) -> str | None:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return "not_text"
    packets = text.split(_SEPARATOR) if text else []
    return next((fault for packet in packets if (fault := _fault_of_packet(packet))), None)


def _fault_of_packet(text: str) -> str | None:
    """None for what a page may send, else what is wrong with it. Parses as the engine would."""
    if len(text) > MAX_PACKET_BYTES:
        return "too_large"
    if not text or text[0] not in "123456":
        return "not_a_packet"
    if int(text[0]) != engine_packet.MESSAGE:
        return None
    try:
        data = engine_packet.Packet(encoded_packet=text).data
        if not isinstance(data, str):
            return "not_a_packet"
        inner = socket_packet.Packet(encoded_packet=data)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return "not_a_packet"
    return _fault_of_inner(inner)


def _fault_of_inner(packet: socket_packet.Packet) -> str | None:
    if packet.packet_type in {socket_packet.CONNECT, socket_packet.DISCONNECT}:
        return None
    if packet.packet_type != socket_packet.EVENT:
        return "unexpected_kind"
    data = packet.data
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        return "not_an_event"
    return "reserved_name" if data[0] in _RESERVED else None


async def _refuse(send: Send, status: int, fault: str) -> None:
    _note(fault)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"text/plain"), (b"connection", b"close")],
        }
    )
    await send({"type": "http.response.body", "body": fault.encode()})


def _note(fault: str) -> None:
    _violations.labels(kind=fault).inc()
    _log.warning("socket_packet_refused", fault=fault)
