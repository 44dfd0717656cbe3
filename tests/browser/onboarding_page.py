"""The onboarding page as a person sees it: what to click and what to look for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    ViewportSize,
    expect,
)

from tests.browser.accessibility import accessibility_faults, overflow_px
from tests.support.scripted_api import ScriptedApi, onboarding_token

PHONE_SIZE: Final = ViewportSize(width=360, height=740)
SMALLEST_SIZE: Final = ViewportSize(width=320, height=640)
DESKTOP_SIZE: Final = ViewportSize(width=1280, height=800)

# What a browser says of a server that is away is its own business.
_EXPECTED_COMPLAINTS: Final = (
    "ERR_CONNECTION",
    "ERR_EMPTY_RESPONSE",
    "WebSocket connection to",
    "ERR_SOCKET",
    "ERR_INTERNET",
)

_WATCH_POLICY: Final = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`));
"""


class OnboardingPage:
    """One tab."""

    def __init__(self, page: Page, api: ScriptedApi) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._api = api
        self._now = datetime.now(UTC)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def open(self, token: str | None = "") -> None:
        """Go to the page; an empty `token` stands for a fresh good one, None for none at all."""
        await self.page.goto(self._api.page_url(onboarding_token() if token == "" else token))

    async def stop_clock(self) -> None:
        """Before `open`: what lasts for seconds on the page now lasts, however slow the machine.

        Its timers run on, and find that no time has passed; see `move_clock`.
        """
        await self.page.clock.set_fixed_time(self._now)

    async def move_clock(self, seconds: float) -> None:
        """By 9 s at most: a page that finds itself later than that by 10 s has slept."""
        self._now += timedelta(seconds=seconds)
        await self.page.clock.set_fixed_time(self._now)
        await self.page.clock.run_for(round(seconds * 1000))

    @property
    def card(self) -> Locator:
        return self.page.locator(".card")

    @property
    def phone_field(self) -> Locator:
        return self.page.get_by_label("Номер WhatsApp салона")

    @property
    def code(self) -> Locator:
        return self.page.get_by_test_id("code")

    @property
    def qr(self) -> Locator:
        return self.page.get_by_alt_text("QR-код для привязки WhatsApp")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    def tab(self, name: str) -> Locator:
        return self.page.get_by_role("tab", name=name)

    async def shows(self, text: str, *, within: str = "main") -> None:
        await expect(self.page.locator(within).get_by_text(text).first).to_be_visible()

    async def on_screen(self, kind: str) -> None:
        await expect(self.card).to_have_attribute("data-screen", kind)

    async def ask_code(self, number: str = "+7 999 000-00-01") -> None:
        await self.phone_field.fill(number)
        await self.button("Получить код").click()

    async def screenshot(self, path: Path) -> None:
        """To look at: a quarter of a phone's points, made in half the time."""
        await self.page.screenshot(path=path, full_page=True, scale="css")

    async def accessibility_faults(self) -> list[str]:
        """Moderate and worse, found by axe-core."""
        return await accessibility_faults(self.page)

    async def double_text(self) -> None:
        """As somebody who reads badly sets the browser."""
        await self.page.evaluate("document.documentElement.style.fontSize = '200%'")

    async def overflow_px(self) -> int:
        return await overflow_px(self.page)

    def _on_console(self, message: ConsoleMessage) -> None:
        expected = any(known in message.text for known in _EXPECTED_COMPLAINTS)
        if message.type in {"error", "warning"} and not expected:
            self.complaints.append(message.text)


class PageOpener:
    """Opens tabs, each in a browser profile of its own unless told otherwise."""

    def __init__(self, browser: Browser, api: ScriptedApi) -> None:
        self.pages: list[OnboardingPage] = []
        self._browser = browser
        self._api = api
        self._contexts: list[BrowserContext] = []

    async def desktop(self, **options: Any) -> OnboardingPage:
        return await self._new(viewport=DESKTOP_SIZE, **options)

    async def phone(self, **options: Any) -> OnboardingPage:
        return await self._new(
            viewport=PHONE_SIZE, has_touch=True, is_mobile=True, device_scale_factor=2, **options
        )

    async def another_tab(self, page: OnboardingPage) -> OnboardingPage:
        return await self._tab(page.page.context)

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()

    async def _new(self, **options: Any) -> OnboardingPage:
        context = await self._browser.new_context(locale="ru-RU", **options)
        self._contexts.append(context)
        await context.add_init_script(_WATCH_POLICY)
        return await self._tab(context)

    async def _tab(self, context: BrowserContext) -> OnboardingPage:
        page = OnboardingPage(await context.new_page(), self._api)
        self.pages.append(page)
        return page
