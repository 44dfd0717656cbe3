"""A tab that is one of several, or older than what it shows."""

from playwright.async_api import expect

from tests.browser.onboarding_page import OnboardingPage, PageOpener
from tests.browser.scenes import QR_TEXT, code
from tests.support.scripted_api import ScriptedApi, onboarding_token
from tests.support.waiting import wait_until

IDLE = ("status", {"status": "idle"})
TWIN = "Эта страница открыта ещё в одной вкладке"


async def test_second_tab_of_the_salon_is_explained_until_it_is_left(
    api: ScriptedApi, open_page: PageOpener
) -> None:
    api.present = [IDLE]
    one = await open_page.desktop()
    await one.open()
    other_salon = await open_page.another_tab(one)
    await other_salon.open(onboarding_token(salon_id=1002))
    await other_salon.on_screen("form")
    await expect(one.page.get_by_text(TWIN)).to_have_count(0)
    two = await open_page.another_tab(one)
    await two.open()
    await one.shows(TWIN)
    await two.shows(TWIN)
    # To close it is to leave it, too, but a busy browser may do so without a last word.
    await two.open(onboarding_token(salon_id=1003))
    await expect(one.page.get_by_text(TWIN)).to_have_count(0)


async def test_code_asked_for_elsewhere_appears_by_itself(
    api: ScriptedApi, phone: OnboardingPage
) -> None:
    api.present = [IDLE]
    await phone.open()
    await phone.ask_code()
    await api.hear("request-pairing-code")
    await api.say("pairing-code-error", code="REQUEST_IN_PROGRESS", message="Уже запрашивается.")
    await phone.shows("в другой вкладке или на другом устройстве")
    await api.say_code("WXYZ-5678")
    await expect(phone.code).to_have_text("WXYZ5678")


async def test_tab_that_slept_shows_no_old_qr_as_live(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await desktop.page.clock.install()
    api.present = [("status", {"status": "qr"}), ("qr-update", api.qr(QR_TEXT, 600))]
    await desktop.open()
    await expect(desktop.qr).to_be_visible()
    api.present = []
    await desktop.page.clock.fast_forward(120_000)
    await desktop.shows("Обновляем…")
    await wait_until(lambda: api.connections >= 2, what="the page connects anew")
    api.clock_ahead_ms += 120_000
    await api.say("status", status="qr")
    await api.say_qr("fresh")
    await desktop.shows("Обновится через")


async def test_tab_out_of_the_browsers_memory_asks_the_server_first(
    api: ScriptedApi, phone: OnboardingPage
) -> None:
    await code(api, phone)
    api.present = []
    await phone.page.evaluate(
        "dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
    )
    await phone.shows("Проверяем, действует ли код")
    await wait_until(lambda: api.connections >= 2, what="the page connects anew")
    await api.say("status", status="connecting")
    await phone.shows("Этот код больше не действует")
    await phone.button("Получить новый код").click()
    assert await api.hear("request-pairing-code") == {"phoneNumber": "79990000001"}


async def test_frozen_tab_comes_back(api: ScriptedApi, desktop: OnboardingPage) -> None:
    api.present = [("status", {"status": "qr"}), ("qr-update", api.qr(QR_TEXT))]
    await desktop.open()
    await expect(desktop.qr).to_be_visible()
    devtools = await desktop.page.context.new_cdp_session(desktop.page)
    await devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    await devtools.send("Page.setWebLifecycleState", {"state": "active"})
    await api.say("whatsapp-connected", success=True, phone="79990000001", sessionId="company_1001")
    await desktop.on_screen("connected")


async def test_page_older_than_the_servers_offers_itself_anew(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [IDLE]
    await desktop.open()
    await desktop.on_screen("form")
    api.script_served = "/marketplace/assets/onboarding.0000000000.js"
    api.cut()
    await desktop.shows("Вышла новая версия страницы")
    api.script_served = None
    await desktop.button("Обновить").click()
    await desktop.on_screen("form")
    await expect(desktop.page.get_by_text("Вышла новая версия")).to_have_count(0)


async def test_end_of_the_link_is_foretold_whatever_the_devices_clock_says(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [IDLE]
    api.clock_ahead_ms = -7 * 3_600_000
    await desktop.open(onboarding_token(expires_in_s=-7 * 3600 + 299))
    await desktop.shows("Ссылка перестанет действовать через несколько минут")
    await desktop.open(onboarding_token(expires_in_s=-7 * 3600 + 900))
    await desktop.on_screen("form")
    await expect(desktop.page.get_by_text("Ссылка перестанет")).to_have_count(0)
