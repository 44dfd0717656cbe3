"""The page without a mouse, and as a screen reader hears it."""

from playwright.async_api import expect

from tests.browser.onboarding_page import OnboardingPage
from tests.browser.scenes import QR_TEXT
from tests.support.scripted_api import ScriptedApi

IDLE = ("status", {"status": "idle"})


async def test_whole_way_by_keyboard(api: ScriptedApi, desktop: OnboardingPage) -> None:
    api.present = [IDLE]
    await desktop.open()
    await desktop.on_screen("form")
    keyboard = desktop.page.keyboard
    await keyboard.press("Tab")
    await expect(desktop.tab("QR-код")).to_be_focused()
    await keyboard.press("ArrowRight")
    await expect(desktop.tab("Код по номеру")).to_be_focused()
    await keyboard.press("Tab")
    await expect(desktop.phone_field).to_be_focused()
    await keyboard.type("9990000001")
    await keyboard.press("Tab")
    await expect(desktop.button("Получить код")).to_be_focused()
    await keyboard.press("Enter")
    await api.hear("request-pairing-code")
    await expect(desktop.button("Запрашиваем код…")).to_be_focused()
    await api.say_code("ABCD-1234")
    await expect(desktop.page.get_by_role("heading", name="Ваш код")).to_be_focused()
    await keyboard.press("Tab")
    await expect(desktop.button("Скопировать")).to_be_focused()
    await keyboard.press("Tab")
    await expect(desktop.button("Другой номер")).to_be_focused()
    await keyboard.press("Enter")
    await expect(desktop.phone_field).to_be_visible()


async def test_arrows_go_round_the_tabs(api: ScriptedApi, desktop: OnboardingPage) -> None:
    api.present = [IDLE]
    await desktop.open()
    await desktop.tab("QR-код").focus()
    for key, tab in {
        "ArrowLeft": "Код по номеру",
        "Home": "QR-код",
        "End": "Код по номеру",
        "ArrowRight": "QR-код",
    }.items():
        await desktop.page.keyboard.press(key)
        await expect(desktop.tab(tab)).to_be_focused()
        await expect(desktop.tab(tab)).to_have_attribute("aria-selected", "true")


async def test_focus_stays_on_the_button_after_an_error(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [IDLE]
    await desktop.open()
    await desktop.tab("Код по номеру").click()
    await desktop.ask_code()
    await api.hear("request-pairing-code")
    await api.say("pairing-code-error", code="PAIRING_CODE_FAILED", message="Не вышло")
    await desktop.shows("Не вышло")
    await expect(desktop.button("Получить код")).to_be_focused()


async def test_refused_number_takes_the_focus(api: ScriptedApi, desktop: OnboardingPage) -> None:
    api.present = [IDLE]
    await desktop.open()
    await desktop.tab("Код по номеру").click()
    await desktop.ask_code()
    await api.hear("request-pairing-code")
    await api.say("pairing-code-error", code="INVALID_PHONE_FORMAT", message="Не тот номер")
    await expect(desktop.phone_field).to_be_focused()


async def test_screen_reader_is_told_of_changes_and_not_of_seconds(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await desktop.stop_clock()
    await desktop.page.add_init_script("""
        window.told = [];
        document.addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
          const text = document.querySelector("[role=status]")?.textContent ?? "";
          if (text !== window.told.at(-1)) window.told.push(text);
        }).observe(document.body, {subtree: true, childList: true, characterData: true}));
    """)
    api.present = [("status", {"status": "qr"})]
    await desktop.open()
    await desktop.on_screen("form")
    await api.say_qr(QR_TEXT, expires_in_s=600)
    await desktop.shows("Обновится через 10:00")
    for left in ("9:53", "9:46"):
        await desktop.move_clock(7)
        await desktop.shows(f"Обновится через {left}")
    await api.say("status", status="linking")
    await desktop.on_screen("linking")
    told = await desktop.page.evaluate("window.told.slice(-2)")
    assert told == [
        "QR-код на экране. Отсканируйте его телефоном салона.",
        "Завершаем подключение…",
    ]
