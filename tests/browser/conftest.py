"""A real Chromium, a page per test, and a server that says what the test wants.

Everything here lives on the session's event loop: tests of this folder do too (see
`pytest_collection_modifyitems`), so that one browser serves them all.
"""

import inspect
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from api_service.frontend import build
from tests.browser.onboarding_page import OnboardingPage, PageOpener
from tests.support.scripted_api import ScriptedApi
from tests.support.waiting import PATIENCE_S

CHROMIUM_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
HEADLESS_SHELL: Final = "chromium-headless-shell"
"""The same engine without the windows, menus and extensions that nobody sees: half the work."""
CHROMIUM_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HERE: Final = Path(__file__).parent

expect.set_options(timeout=PATIENCE_S * 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)
            if inspect.iscoroutinefunction(getattr(item, "function", None)):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    path = next(filter(None, map(shutil.which, (HEADLESS_SHELL, *CHROMIUM_NAMES))), None)
    if path is None:
        reason = "NO BROWSER TESTS: there is no Chromium; install it (apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def page_dir() -> Path:
    """The built page, with the packages that only its tests need."""
    return build.build(development=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path, args=list(CHROMIUM_ARGUMENTS)
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def api(page_dir: Path) -> AsyncIterator[ScriptedApi]:
    async with ScriptedApi.serve(page_dir) as api:
        yield api


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, api: ScriptedApi) -> AsyncIterator[PageOpener]:
    """Open pages of `api`; at the end none may have complained in its console."""
    opener = PageOpener(browser, api)
    yield opener
    complaints = [text for page in opener.pages for text in page.complaints]
    await opener.close()
    assert not complaints


@pytest_asyncio.fixture(loop_scope="session")
async def desktop(open_page: PageOpener) -> OnboardingPage:
    return await open_page.desktop()


@pytest_asyncio.fixture(loop_scope="session")
async def phone(open_page: PageOpener) -> OnboardingPage:
    return await open_page.phone()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    folder = Path(__file__).parents[2] / "var" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
