"""Linking by QR."""

from playwright.async_api import expect

from tests.browser.onboarding_page import OnboardingPage, PageOpener
from tests.browser.scenes import AUTO_QRS
from tests.support.scripted_api import ScriptedApi, qr_image

IDLE = ("status", {"status": "idle"})


async def test_qr_is_asked_for_and_drawn(api: ScriptedApi, desktop: OnboardingPage) -> None:
    api.present = [IDLE]
    await desktop.open()
    assert await api.hear("request-qr") is None
    await api.say("status", status="qr")
    await api.say_qr("first")
    await expect(desktop.qr).to_have_attribute("src", qr_image("first"))
    drawn = await desktop.qr.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    assert drawn


async def test_next_qr_replaces_the_last_without_asking(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await desktop.stop_clock()
    api.present = [IDLE]
    await desktop.open()
    await api.hear("request-qr")
    await api.say_qr("first", expires_in_s=1)
    await expect(desktop.qr).to_be_visible()
    await desktop.move_clock(2)
    await desktop.shows("Обновляем…")
    await api.say_qr("second")
    await expect(desktop.qr).to_have_attribute("src", qr_image("second"))
    await desktop.shows("Обновится через 0:")
    assert api.heard == []


async def test_server_that_forgot_the_next_qr_is_asked(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await desktop.stop_clock()
    api.present = [IDLE]
    await desktop.open()
    await api.hear("request-qr")
    await api.say_qr("first", expires_in_s=5)
    await expect(desktop.qr).to_be_visible()
    await desktop.move_clock(6)
    await desktop.shows("Обновляем…")
    assert api.heard == []
    await desktop.move_clock(3)
    await api.hear("request-qr")


async def test_late_tab_shows_the_live_qr_at_once(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [("status", {"status": "qr"}), ("qr-update", api.qr("live", 600))]
    await desktop.open()
    await expect(desktop.qr).to_have_attribute("src", qr_image("live"))
    await desktop.page.reload()
    await expect(desktop.qr).to_have_attribute("src", qr_image("live"))
    assert api.heard == []


async def test_ran_out_is_renewed_five_times_and_then_by_a_button(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [IDLE]
    await desktop.open()
    for _ in range(AUTO_QRS):
        await api.hear("request-qr")
        await api.say("status", status="qr_expired")
    await desktop.button("Показать новый QR-код").click()
    await api.hear("request-qr")
    assert api.heard == []


async def test_wait_in_the_queue_shows_the_place(api: ScriptedApi, desktop: OnboardingPage) -> None:
    api.present = [IDLE]
    await desktop.open()
    await api.hear("request-qr")
    await api.say("status", status="queued", queuePosition=7)
    await desktop.shows("Вы 7-й в очереди")
    await api.say("status", status="queued", queuePosition=1)
    await desktop.shows("Вы 1-й в очереди")
    await api.say_qr("mine")
    await expect(desktop.qr).to_be_visible()


async def test_breaker_open_is_explained_and_tried_again(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await desktop.stop_clock()
    api.present = [IDLE]
    await desktop.open()
    await api.hear("request-qr")
    await api.say("error", code="SERVICE_UNAVAILABLE", message="Перерыв", retryAfter=6)
    await desktop.shows("Попробуем сами через 0:06")
    await desktop.move_clock(5)
    await desktop.shows("Попробуем сами через 0:01")
    assert api.heard == []
    await desktop.move_clock(2)
    await api.hear("request-qr")


async def test_two_tabs_show_the_same(api: ScriptedApi, open_page: PageOpener) -> None:
    api.present = [("status", {"status": "qr"}), ("qr-update", api.qr("shared"))]
    one = await open_page.desktop()
    two = await open_page.another_tab(one)
    for page in (one, two):
        await page.open()
        await expect(page.qr).to_have_attribute("src", qr_image("shared"))
    await api.say("whatsapp-connected", success=True, phone="79990000001", sessionId="company_1001")
    for page in (one, two):
        await page.on_screen("connected")
