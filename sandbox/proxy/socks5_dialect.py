"""SOCKS5 (RFC 1928, RFC 1929), the part that opens a connection."""

import asyncio
import ipaddress
from typing import Final

from sandbox.proxy.dialect import Credentials, Gate, Refusal, RefusedError, Stream, Target

VERSION: Final = b"\x05"
_NO_LOGIN, _PASSWORD, _NO_METHOD = 0, 2, 0xFF
_CONNECT: Final = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_REPLIES: Final = {
    Refusal.CREDENTIALS: b"\x02",
    Refusal.FORBIDDEN: b"\x02",
    Refusal.UPSTREAM: b"\x04",
}
_NOWHERE: Final = b"\x00\x01" + bytes(6)
"""Reserved, then an IPv4 address and a port that nobody reads."""


async def open_tunnel(
    _first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: Gate
) -> Stream:
    """The version byte is read already. Raises RefusedError when the client was told no."""
    await _log_in(reader, writer, gate)
    version, command, _ = await reader.readexactly(3)
    if version != VERSION[0] or command != _CONNECT:
        raise ValueError("not a CONNECT request")
    target = await _read_target(reader)
    try:
        outside = await gate.dial(target)
    except RefusedError as refused:
        writer.write(VERSION + _REPLIES[refused.refusal] + _NOWHERE)
        raise
    writer.write(VERSION + b"\x00" + _NOWHERE)
    return outside


async def _log_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: Gate) -> None:
    methods = await reader.readexactly((await reader.readexactly(1))[0])
    wanted = _PASSWORD if gate.wants_credentials else _NO_LOGIN
    if wanted not in methods:
        writer.write(VERSION + bytes([_NO_METHOD]))
        raise RefusedError(Refusal.CREDENTIALS)
    writer.write(VERSION + bytes([wanted]))
    if wanted == _NO_LOGIN:
        return
    await reader.readexactly(1)
    user, password = await _read_text(reader), await _read_text(reader)
    try:
        gate.check(Credentials(user, password))
    except RefusedError:
        writer.write(b"\x01\x01")
        raise
    writer.write(b"\x01\x00")


async def _read_target(reader: asyncio.StreamReader) -> Target:
    kind = (await reader.readexactly(1))[0]
    if kind == _NAME:
        host = await _read_text(reader)
    elif kind in (_IPV4, _IPV6):
        host = str(ipaddress.ip_address(await reader.readexactly(4 if kind == _IPV4 else 16)))
    else:
        raise ValueError("unknown kind of address")
    return Target(host, int.from_bytes(await reader.readexactly(2), "big"))


async def _read_text(reader: asyncio.StreamReader) -> str:
    return (await reader.readexactly((await reader.readexactly(1))[0])).decode()
