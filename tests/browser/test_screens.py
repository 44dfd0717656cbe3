"""Every state of the page: complete, accessible, within the window, and a picture to look at."""

from pathlib import Path

import pytest

from tests.browser.onboarding_page import (
    DESKTOP_SIZE,
    PHONE_SIZE,
    SMALLEST_SIZE,
    OnboardingPage,
    PageOpener,
)
from tests.browser.scenes import SCENES
from tests.support.scripted_api import ScriptedApi

SIZES = {"phone": PHONE_SIZE, "320": SMALLEST_SIZE, "desktop": DESKTOP_SIZE}


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_state_is_complete_and_accessible(
    name: str, api: ScriptedApi, open_page: PageOpener, screenshots: Path
) -> None:
    page = await open_page.phone(reduced_motion="reduce")
    await SCENES[name](api, page)
    for size_name, size in SIZES.items():
        await page.page.set_viewport_size(size)
        await page.screenshot(screenshots / f"{name}-{size_name}.png")
        assert await page.overflow_px() == 0, size_name
    assert await page.accessibility_faults() == []
    await page.page.set_viewport_size(PHONE_SIZE)
    await page.page.emulate_media(color_scheme="dark")
    assert await page.accessibility_faults() == []
    await page.screenshot(screenshots / f"{name}-dark.png")


@pytest.mark.parametrize("name", ["qr", "code", "passkey_required", "unlink_asked"])
async def test_text_twice_as_large_still_fits_a_phone(
    name: str, api: ScriptedApi, phone: OnboardingPage
) -> None:
    await SCENES[name](api, phone)
    await phone.double_text()
    assert await phone.overflow_px() == 0
