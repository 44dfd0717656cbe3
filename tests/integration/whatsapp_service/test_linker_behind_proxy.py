"""The published library, as production runs it, behind a proxy that lets nothing out.

The sandbox's WhatsApp is `ws://`, the real one `wss://`: only here does an HTTP proxy see CONNECT.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from sandbox.proxy.dialect import Credentials
from sandbox.proxy.server import ProxyFault, ProxyServer
from tests.support.processes import ROOT
from whatsapp_service.gateway.linker_protocol import Ended, EndReason, Report, Start
from whatsapp_service.sessions.linker import Linker

WHATSAPP: Final = "web.whatsapp.com:443"
LOGIN: Final = Credentials("salon", "pass:/@ word")
WITHIN_S: Final = 30.0


@pytest.fixture
async def proxy() -> AsyncIterator[ProxyServer]:
    async with ProxyServer(LOGIN) as proxy:
        proxy.fault = ProxyFault.UPSTREAM_UNREACHABLE
        yield proxy
        assert proxy.carried.tunnels == 0


@pytest.fixture
async def linker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Linker]:
    """In an environment whose own proxy must not be used: nobody listens there."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    linker = await Linker.start()
    yield linker
    await linker.end()


async def outcome(linker: Linker, store: Path, proxy_url: str) -> Report:
    start = Start(store_url=str(store / "store.db"), device_name="AI Admin", proxy_url=proxy_url)
    linker.tell(start)
    async with asyncio.timeout(WITHIN_S):
        async for report in linker.reports():
            return report
    raise AssertionError("the linker ended without a word")


@pytest.mark.parametrize(
    ("scheme", "fault", "reason"),
    [
        ("socks5", ProxyFault.UPSTREAM_UNREACHABLE, "unreachable"),
        ("socks5", ProxyFault.REFUSES_CREDENTIALS, "proxy"),
        ("http", ProxyFault.UPSTREAM_UNREACHABLE, "unreachable"),
        ("http", ProxyFault.REFUSES_CREDENTIALS, "proxy"),
        ("http", ProxyFault.FORBIDS, "proxy"),
        ("http", ProxyFault.HANGS, "proxy"),
    ],
)
async def test_who_is_to_blame_is_told_in_time(
    proxy: ProxyServer,
    linker: Linker,
    tmp_path: Path,
    scheme: str,
    fault: ProxyFault,
    reason: EndReason,
) -> None:
    proxy.fault = fault

    ended = await outcome(linker, tmp_path, proxy.url(scheme))

    assert ended == Ended(reason=reason)
    reached = fault in {ProxyFault.UPSTREAM_UNREACHABLE, ProxyFault.FORBIDS}
    assert proxy.carried.targets == ([WHATSAPP] if reached else [])


def test_a_linker_whose_parent_is_gone_before_it_begins_ends_at_once() -> None:
    nobody = "1073741824"
    command = [sys.executable, "-X", "importtime", "-m", "whatsapp_service.gateway.linker_start"]

    ended = subprocess.run(  # noqa: S603 - our own command line
        [*command, "0", nobody], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 1
    assert "pydantic" not in ended.stderr
