"""What is wrong with a proxy: read from the library's error, or asked of the proxy itself.

Never of WhatsApp behind it: a proxy that answers is in order.
"""

import asyncio
import base64
import contextlib
import re
import ssl
from enum import StrEnum
from typing import Final

from whatsapp_service.proxy_url import ProxyUrl

ANSWER_S: Final = 3.0
_HEAD_MAX_BYTES: Final = 4_096
_NO_LOGIN, _PASSWORD = 0, 2


class ProxyFault(StrEnum):
    """For the log; pages and dashboards see one reason for all of them."""

    DEAD = "dead"
    SILENT = "silent"
    CREDENTIALS_REFUSED = "credentials_refused"
    FORBIDS = "forbids"


# Seen with neonize 0.5.2 (Go 1.26) through proxies that failed on purpose. An answer to CONNECT
# other than 200 is the proxy's own and comes as its bare reason phrase at the end of the text; 5xx
# is left out, because that is how a proxy in order says that WhatsApp cannot be reached.
_TEXTS: Final = (
    (
        ProxyFault.CREDENTIALS_REFUSED,
        re.compile(
            r"username/password authentication failed|no acceptable authentication methods"
            r"|Proxy Authentication Required|status code 101 but got 407"
        ),
    ),
    (
        ProxyFault.FORBIDS,
        re.compile(
            r"connection not allowed by ruleset"
            r"|: (Bad Request|Payment Required|Forbidden|Method Not Allowed|Too Many Requests)$"
        ),
    ),
    (ProxyFault.DEAD, re.compile(r"proxyconnect tcp|socks connect tcp \S+: dial tcp")),
)


def fault_in(text: str) -> ProxyFault | None:
    """None when the library's error does not speak of the proxy for certain."""
    return next((fault for fault, pattern in _TEXTS if pattern.search(text)), None)


async def diagnose(proxy: ProxyUrl | None, text: str) -> ProxyFault | None:
    """Whether the proxy is to blame for a connection that did not come about."""
    if proxy is None:
        return None
    return fault_in(text) or await probe(proxy)


async def probe(proxy: ProxyUrl, timeout_s: float = ANSWER_S) -> ProxyFault | None:
    """Ask the proxy alone; nothing goes to WhatsApp. None when it answers and lets us in."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_s):
            tls = ssl.create_default_context() if proxy.scheme == "https" else None
            reader, writer = await asyncio.open_connection(proxy.host, proxy.port, ssl=tls)
            if proxy.scheme.startswith("socks"):
                return await _greet_socks(proxy, reader, writer)
            return await _greet_http(proxy, reader, writer)
    except TimeoutError:
        return ProxyFault.SILENT
    except (OSError, EOFError, asyncio.LimitOverrunError, UnicodeError):
        return ProxyFault.DEAD
    finally:
        if writer is not None:
            with contextlib.suppress(OSError, RuntimeError):
                writer.transport.abort()


async def _greet_socks(
    proxy: ProxyUrl, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> ProxyFault | None:
    """RFC 1928 and 1929, as far as the login."""
    methods = bytes([_NO_LOGIN, _PASSWORD] if proxy.user else [_NO_LOGIN])
    writer.write(bytes([5, len(methods)]) + methods)
    version, method = await reader.readexactly(2)
    if version != 5:  # noqa: PLR2004 - SOCKS5
        return ProxyFault.DEAD
    if method not in methods:
        return ProxyFault.CREDENTIALS_REFUSED
    if method == _PASSWORD:
        user, password = proxy.user.encode(), proxy.password.encode()
        writer.write(bytes([1, len(user)]) + user + bytes([len(password)]) + password)
        if (await reader.readexactly(2))[1] != 0:
            return ProxyFault.CREDENTIALS_REFUSED
    return None


async def _greet_http(
    proxy: ProxyUrl, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> ProxyFault | None:
    """A question to the proxy itself (RFC 9110, 7.6.2): any answer but 407 shows that it works."""
    lines = ["OPTIONS * HTTP/1.1", f"Host: {proxy.host}", "Max-Forwards: 0", "Connection: close"]
    if proxy.user:
        login = base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {login}")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    answer = await reader.readuntil(b"\n")
    if not answer.startswith(b"HTTP/"):
        return ProxyFault.DEAD
    refused = answer.split(b" ", 2)[1:2] == [b"407"]
    return ProxyFault.CREDENTIALS_REFUSED if refused else None
