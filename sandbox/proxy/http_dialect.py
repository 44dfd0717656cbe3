"""An HTTP proxy: CONNECT for what is encrypted, an absolute URI for what is not (RFC 9110)."""

import asyncio
import base64
import binascii
from typing import Final
from urllib.parse import urlsplit

from sandbox.proxy.dialect import Credentials, Gate, Refusal, RefusedError, Stream, Target

HEAD_MAX_BYTES: Final = 16_384
_ANSWERS: Final = {
    Refusal.CREDENTIALS: b"407 Proxy Authentication Required\r\n"
    b'Proxy-Authenticate: Basic realm="proxy"',
    Refusal.FORBIDDEN: b"403 Forbidden",
    Refusal.UPSTREAM: b"502 Bad Gateway",
}
_OWN_HEADERS: Final = ("proxy-authorization:", "proxy-connection:")


async def open_tunnel(
    first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: Gate
) -> Stream | None:
    """``first`` is the request's first byte. Raises RefusedError when the client was told no.

    None for a question to the proxy itself, which it has answered.
    """
    head = first + await reader.readuntil(b"\r\n\r\n")
    if len(head) > HEAD_MAX_BYTES:
        raise ValueError("the request's head is too long")
    request, *headers = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, uri, _ = request.split(" ", 2)
    try:
        gate.check(_credentials(headers))
        if method == "OPTIONS" and uri == "*":
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            return None
        outside = await gate.dial(_target(method, uri))
    except RefusedError as refused:
        writer.write(b"HTTP/1.1 " + _ANSWERS[refused.refusal] + b"\r\nContent-Length: 0\r\n\r\n")
        raise
    if method == "CONNECT":
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    else:
        outside[1].write(_forwarded(method, uri, headers))
    return outside


def _target(method: str, uri: str) -> Target:
    """Raises ValueError."""
    address = urlsplit(f"//{uri}" if method == "CONNECT" else uri)
    if not address.hostname:
        raise ValueError("neither CONNECT nor an absolute URI")
    return Target(address.hostname, address.port or 80)


def _forwarded(method: str, uri: str, headers: list[str]) -> bytes:
    address = urlsplit(uri)
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    kept = [line for line in headers if not line.lower().startswith(_OWN_HEADERS)]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *kept, "", ""]).encode("latin-1")


def _credentials(headers: list[str]) -> Credentials | None:
    """Raises ValueError for what is no Basic authorization."""
    for line in headers:
        name, _, value = line.partition(":")
        if name.lower() == "proxy-authorization":
            try:
                shown = base64.b64decode(value.strip().removeprefix("Basic "), validate=True)
            except binascii.Error as error:
                raise ValueError("not a Basic authorization") from error
            user, _, password = shown.decode().partition(":")
            return Credentials(user, password)
    return None
