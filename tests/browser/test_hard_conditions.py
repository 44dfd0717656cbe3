"""A slow line, a lost network, a clock that is hours off."""

from typing import Any, Final

from playwright.async_api import CDPSession, expect

from tests.browser.onboarding_page import OnboardingPage
from tests.support.scripted_api import ScriptedApi

SLOW_3G: Final = {
    "offline": False,
    "latency": 400,
    "downloadThroughput": 50_000,
    "uploadThroughput": 50_000,
}
BUDGET_BYTES: Final = 100_000
BUDGET_REQUESTS: Final = 6
"""The page, its style, script and icon, and the WebSocket."""


class Traffic:
    """What goes over the line, headers included."""

    def __init__(self, devtools: CDPSession) -> None:
        self.requests: list[str] = []
        self.bytes = 0
        devtools.on("Network.requestWillBeSent", self._on_request)
        devtools.on("Network.webSocketCreated", self._on_socket)
        devtools.on("Network.loadingFinished", self._on_finished)

    def _on_request(self, event: dict[str, Any]) -> None:
        if not event["request"]["url"].startswith("data:"):
            self.requests.append(event["request"]["url"])

    def _on_socket(self, event: dict[str, Any]) -> None:
        self.requests.append(event["url"])

    def _on_finished(self, event: dict[str, Any]) -> None:
        self.bytes += int(event["encodedDataLength"])


async def test_slow_line_shows_progress_and_then_a_page_of_few_bytes(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    devtools = await desktop.page.context.new_cdp_session(desktop.page)
    await devtools.send("Network.enable")
    traffic = Traffic(devtools)
    await devtools.send("Network.emulateNetworkConditions", SLOW_3G)
    await desktop.page.goto(api.page_url("x.e30.x"), wait_until="commit")
    await expect(desktop.page.locator(".skeleton").first).to_be_visible()
    # For a page that comes from now on, and for one that is there.
    api.present = [("status", {"status": "qr"}), ("qr-update", api.qr("a QR", 600))]
    for event, payload in api.present:
        await api.say(event, **payload)
    await expect(desktop.qr).to_be_visible()
    assert 10_000 < traffic.bytes < BUDGET_BYTES
    assert len(traffic.requests) <= BUDGET_REQUESTS, traffic.requests


async def test_network_that_comes_back_is_used_at_once(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [("status", {"status": "qr"}), ("qr-update", api.qr("a QR", 60))]
    await desktop.open()
    await expect(desktop.qr).to_be_visible()
    await desktop.page.context.set_offline(True)
    api.cut()
    await desktop.shows("Нет связи с сервером")
    api.present = [("status", {"status": "connected", "phone": "79990000001"})]
    await desktop.page.context.set_offline(False)
    await desktop.on_screen("connected")
    await expect(desktop.page.locator(".banner")).to_have_count(0)
