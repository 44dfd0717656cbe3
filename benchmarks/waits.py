"""How long an owner waits in front of the page, beside the bare library on the same network."""

import asyncio
import contextlib
import itertools
import shutil
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from benchmarks.report import Figure, say
from benchmarks.world import World
from shared.company_id import SalonId, SessionId
from shared.messages.events import Connected, Qr
from tests.browser.conftest import CHROMIUM_ARGUMENTS, CHROMIUM_NAMES, HEADLESS_SHELL
from tests.support.api import token_for
from tests.support.holdings import gauges
from tests.support.neonize_process import run_neonize
from tests.support.waiting import wait_until

LIMIT_MS: Final = 1_000.0
BESIDE_PEER_MS: Final = 300.0
PATIENCE_S: Final = 30.0
WARM_UP: Final = 2
THINKING_S: Final = 0.5
"""Nobody scans at once; a client that has just started has settled by then."""
DESKTOP: Final = ViewportSize(width=1280, height=800)
PHONE: Final = ViewportSize(width=360, height=740)

_WATCH: Final = """
const now = () => performance.timeOrigin + performance.now();
const seen = (window.seen = {});
const waiting = {};
const note = (name) => requestAnimationFrame(() => {
  seen[name] ??= now();
  waiting[name]?.(seen[name]);
});
window.when = (name) => new Promise((tell) => {
  if (seen[name]) tell(seen[name]);
  else waiting[name] = tell;
});
const shown = (element) => element && element.getClientRects().length > 0;
const look = () => {
  const qr = document.querySelector('img[alt^="QR"]');
  if (shown(qr) && qr.complete && qr.naturalWidth > 0) note("qr");
  const code = document.querySelector('[data-testid="code"]');
  if (shown(code) && code.textContent.trim()) note("code");
  const heads = [...document.querySelectorAll("h1, h2")];
  if (heads.some((head) => shown(head) && head.textContent.includes("Готово"))) note("done");
};
const everything = { attributes: true, characterData: true, childList: true, subtree: true };
new MutationObserver(look).observe(document, everything);
document.addEventListener("load", look, true);  // it never reaches the window
addEventListener("submit", () => (seen.asked ??= now()), true);
"""
"""Notes the frame after the change with which something is there: then it is painted."""


_numbers = itertools.count(500_001)
"""Other salons than those of `tests.support.abandonment`, which count from 1."""


@dataclass
class Waits:
    """Milliseconds, one for each round."""

    to_qr: list[float] = field(default_factory=list)
    to_code: list[float] = field(default_factory=list)
    scan_to_done: list[float] = field(default_factory=list)
    bare_scan_to_connected: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Salon:
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def session_id(self) -> SessionId:
        return SessionId(f"company_{self.number}")

    @property
    def phone(self) -> str:
        return f"79{self.number:09}"


async def measure(world: World, rounds: int) -> tuple[list[Figure], dict[str, list[float]]]:
    """Links a salon in each round; the first two of each kind warm up and do not count."""
    waits = Waits()
    async with _chromium() as browser:
        for number in range(rounds + WARM_UP):
            if number == WARM_UP:
                waits = Waits()
            await _by_qr(world, browser, waits)
            await _by_code(world, browser, waits)
            if number % 5 == 0:
                say(f"  pages: round {number + 1} of {rounds + WARM_UP}")
    return _figures(waits), vars(waits)


def _figures(waits: Waits) -> list[Figure]:
    peer = p95(waits.bare_scan_to_connected)
    return [
        Figure(
            "page opened → QR visible, p95, warm",
            p95(waits.to_qr),
            LIMIT_MS,
            "ms",
            f"median {statistics.median(waits.to_qr):.0f} ms; a new browser profile each time",
            "the browser's start of the page, then the library's handshake",
        ),
        Figure(
            "code asked → code visible, p95, warm",
            p95(waits.to_code),
            LIMIT_MS,
            "ms",
            f"median {statistics.median(waits.to_code):.0f} ms; on a phone's screen",
            "the library: it derives the code's key (131,072 rounds of PBKDF2)",
        ),
        Figure(
            "scan → «Готово» on the page, p95",
            p95(waits.scan_to_done),
            peer + BESIDE_PEER_MS,
            "ms",
            f"bare neonize, scan → connected, p95: {peer:.0f} ms (medians "
            f"{statistics.median(waits.scan_to_done):.0f} and "
            f"{statistics.median(waits.bare_scan_to_connected):.0f} ms)",
            "the library: login and 812 prekeys; then a second login, in the long-lived process",
        ),
    ]


@contextlib.asynccontextmanager
async def _chromium() -> AsyncIterator[Browser]:
    path = next(filter(None, map(shutil.which, (*CHROMIUM_NAMES, HEADLESS_SHELL))), None)
    if path is None:
        raise SystemExit("There is no Chromium: install it (apt-get install chromium).")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=list(CHROMIUM_ARGUMENTS)
        )
        yield browser
        await browser.close()


@contextlib.asynccontextmanager
async def _page(browser: Browser, size: ViewportSize) -> AsyncIterator[Page]:
    """Nothing cached, as at an owner's first visit."""
    context = await browser.new_context(
        locale="ru-RU", viewport=size, is_mobile=size is PHONE, has_touch=size is PHONE
    )
    context.set_default_timeout(PATIENCE_S * 1000)
    await context.add_init_script(_WATCH)
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def _by_qr(world: World, browser: Browser, waits: Waits) -> None:
    """The peer links first, beside the same page: both carry the browser's load."""
    salon = Salon()
    await world.phones.create_phone(salon.phone)
    await linker_is_warm(world)
    async with _page(browser, DESKTOP) as page:
        await page.goto(_url(world, salon), wait_until="commit")
        qr = await _seen(page, "qr")
        waits.to_qr.append(qr - await page.evaluate("performance.timeOrigin"))
        await linker_is_warm(world)
        waits.bare_scan_to_connected.append(await _bare(world))
        text = (await world.bus.event(Qr, salon.session_id)).qr
        scanned = time.time() * 1000
        await world.phones.scan(salon.phone, text)
        waits.scan_to_done.append(await _seen(page, "done") - scanned)


async def _by_code(world: World, browser: Browser, waits: Waits) -> None:
    """On a phone's screen, from a page that shows no code yet."""
    salon = Salon()
    await world.phones.create_phone(salon.phone)
    await linker_is_warm(world)
    async with _page(browser, PHONE) as page:
        await page.goto(_url(world, salon), wait_until="commit")
        tab, number = (
            page.get_by_role("tab", name="Код"),
            page.get_by_label("Номер WhatsApp салона"),
        )
        await expect(tab.or_(number).first).to_be_visible()
        if not await number.is_visible():
            await tab.click()
        await number.fill(salon.phone)
        await page.get_by_role("button", name="Получить код").click()
        code = await _seen(page, "code")
        waits.to_code.append(code - await page.evaluate("window.seen.asked"))
        shown = await page.get_by_test_id("code").inner_text()
        await world.phones.type_code(salon.phone, "".join(shown.split()))
        await world.bus.event(Connected, salon.session_id)


async def _bare(world: World) -> float:
    """Scan → connected of the library alone, in milliseconds; its process is warm as well."""
    salon = Salon()
    await world.phones.create_phone(salon.phone)
    store = world.folder / f"bare-{salon.number}.db"
    async with run_neonize(world.client_environment, store) as client:
        qr = await client.next("qr")
        await asyncio.sleep(THINKING_S)
        scanned = time.perf_counter()
        await world.phones.scan(salon.phone, qr["qr"])
        await client.next("Connected")
        return (time.perf_counter() - scanned) * 1000


async def linker_is_warm(world: World) -> None:
    """Nobody scans or types at once; meanwhile the next spare linker gets warm."""

    async def warm() -> bool:
        return (await gauges(world.whatsapp_url))["linkers_warm"] >= 1

    await wait_until(warm, PATIENCE_S, "a spare linker is warm")


async def _seen(page: Page, what: str) -> float:
    """Milliseconds of the epoch, on the browser's clock, which is this machine's."""
    async with asyncio.timeout(PATIENCE_S):
        moment: float = await page.evaluate("(what) => window.when(what)", what)
    return moment


def _url(world: World, salon: Salon) -> str:
    return f"{world.api_url}/marketplace/onboarding?token={token_for(SalonId(salon.number))}"


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]
