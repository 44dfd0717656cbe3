"""Linking by a pairing code, as the owner of the very phone does it."""

from playwright.async_api import expect

from tests.browser.onboarding_page import OnboardingPage, PageOpener
from tests.browser.scenes import QR_TEXT, open_tab
from tests.support.scripted_api import ScriptedApi

IDLE = ("status", {"status": "idle"})


async def test_code_tab_leads_on_a_phone_and_the_qr_on_a_computer(
    api: ScriptedApi, phone: OnboardingPage, desktop: OnboardingPage
) -> None:
    api.present = [IDLE]
    await phone.open()
    await expect(phone.tab("Код по номеру")).to_have_attribute("aria-selected", "true")
    await desktop.open()
    await expect(desktop.tab("QR-код")).to_have_attribute("aria-selected", "true")


async def test_from_number_to_done(api: ScriptedApi, phone: OnboardingPage) -> None:
    api.present = [IDLE]
    await phone.open()
    await phone.phone_field.press_sequentially("89990000001")
    await expect(phone.phone_field).to_have_value("+7 999 000-00-01")
    await phone.page.keyboard.press("Enter")
    assert await api.hear("request-pairing-code") == {"phoneNumber": "79990000001"}
    await expect(phone.button("Запрашиваем код…")).to_be_disabled()
    await api.say("status", status="pairing")
    await api.say_code("ABCD-1234")
    await expect(phone.code).to_have_text("ABCD1234")
    await phone.shows("Для номера +7 999 000-00-01")
    await api.say("status", status="linking")
    await phone.shows("Завершаем подключение…")
    await api.say("whatsapp-connected", success=True, phone="79990000001", sessionId="company_1001")
    await phone.shows("Готово")
    await phone.shows("+7 999 •••-••-01")
    await expect(phone.page.get_by_role("heading", name="Готово")).to_be_focused()


async def test_one_request_at_a_time_however_often_the_button_is_pressed(
    api: ScriptedApi, phone: OnboardingPage
) -> None:
    api.present = [IDLE]
    await phone.open()
    await phone.ask_code()
    await api.hear("request-pairing-code")
    await phone.button("Запрашиваем код…").dispatch_event("click")
    await phone.phone_field.press("Enter")
    await api.say("pairing-code-error", code="PAIRING_CODE_FAILED", message="Не получилось")
    await phone.shows("Не получилось")
    assert [event for event, _ in api.heard if event == "request-pairing-code"] == []


async def test_pasted_number_is_understood(api: ScriptedApi, phone: OnboardingPage) -> None:
    api.present = [IDLE]
    await phone.open()
    for pasted, shown in {
        "8 (999) 000-00-01": "+7 999 000-00-01",
        "+375290000001": "+375 29 000-00-01",
        "9990000001": "999 000-00-01",
    }.items():
        await phone.phone_field.fill("")
        await phone.phone_field.focus()
        await phone.page.keyboard.insert_text(pasted)
        await expect(phone.phone_field).to_have_value(shown)
    await phone.shows("Россия: +7 999 000-00-01")
    await phone.phone_field.blur()
    await expect(phone.phone_field).to_have_value("+7 999 000-00-01")


async def test_caret_stays_where_a_digit_was_corrected(
    api: ScriptedApi, phone: OnboardingPage
) -> None:
    api.present = [IDLE]
    await phone.open()
    await phone.phone_field.fill("+7 999 000-00-01")
    await phone.phone_field.evaluate("field => field.setSelectionRange(6, 6)")
    await phone.page.keyboard.press("Backspace")
    await phone.page.keyboard.type("5")
    await expect(phone.phone_field).to_have_value("+7 995 000-00-01")
    caret = await phone.phone_field.evaluate("field => field.selectionStart")
    assert caret == len("+7 995")


async def test_number_that_is_none_never_leaves_the_page(
    api: ScriptedApi, phone: OnboardingPage
) -> None:
    api.present = [IDLE]
    await phone.open()
    await phone.button("Получить код").click()
    await phone.shows("Введите номер телефона")
    await phone.ask_code("999")
    await phone.shows("Номер не похож на телефонный")
    await expect(phone.phone_field).to_have_attribute("aria-invalid", "true")
    await phone.phone_field.fill("+7 999 000-00-01")
    await expect(phone.phone_field).to_have_attribute("aria-invalid", "false")
    await phone.button("Получить код").click()
    assert await api.hear("request-pairing-code") == {"phoneNumber": "79990000001"}


async def test_error_has_a_next_step_and_the_button_works_again(
    api: ScriptedApi, phone: OnboardingPage
) -> None:
    api.present = [IDLE]
    await phone.open()
    await phone.ask_code()
    for code, text in {
        "PHONE_REQUIRED": "Введите номер телефона",
        "INVALID_PHONE_FORMAT": "Номер не похож на телефонный",
        "REQUEST_IN_PROGRESS": "Код уже запрошен",
        "RATE_LIMITED": "Слишком много попыток",
        "PAIRING_CODE_FAILED": "Не удалось получить код",
        "BAILEYS_ERROR": "WhatsApp не выдал код",
        "SOMETHING_NEW": "Что-то пошло не так",
    }.items():
        await api.hear("request-pairing-code")
        await api.say("pairing-code-error", code=code, message="")
        alert = phone.page.get_by_role("alert")
        await expect(alert).to_contain_text(text)
        await expect(alert.locator("p")).to_have_count(2)
        await phone.button("Получить код").click()


async def test_servers_words_win(api: ScriptedApi, phone: OnboardingPage) -> None:
    api.present = [IDLE]
    await phone.open()
    await phone.ask_code()
    await api.hear("request-pairing-code")
    await api.say("pairing-code-error", code="RATE_LIMITED", message="Стоп.", nextStep="Чай.")
    alert = phone.page.get_by_role("alert")
    await expect(alert).to_have_text("Стоп.Чай.")


async def test_no_answer_is_an_error_after_twenty_seconds(
    api: ScriptedApi, phone: OnboardingPage
) -> None:
    await phone.stop_clock()
    api.present = [IDLE]
    await phone.open()
    await phone.ask_code()
    await api.hear("request-pairing-code")
    for seconds in (7, 7, 7):
        await phone.move_clock(seconds)
    await phone.shows("Код не пришёл вовремя")
    await phone.button("Получить код").click()
    await api.hear("request-pairing-code")


async def test_expired_code_is_renewed_for_the_same_number(
    api: ScriptedApi, phone: OnboardingPage
) -> None:
    api.present = [IDLE]
    await phone.open()
    await phone.ask_code()
    await api.hear("request-pairing-code")
    await api.say_code("ABCD-1234", expires_in_s=0.5)
    await phone.shows("Время кода вышло")
    await phone.button("Получить новый код").click()
    assert await api.hear("request-pairing-code") == {"phoneNumber": "79990000001"}
    await api.say_code("WXYZ-5678")
    await expect(phone.code).to_have_text("WXYZ5678")
    await phone.shows("Действует ещё")


async def test_code_is_copied_without_its_hyphen(api: ScriptedApi, open_page: PageOpener) -> None:
    page = await open_page.phone(permissions=["clipboard-read", "clipboard-write"])
    await open_tab(api, page, "Код по номеру", status="pairing")
    await api.say_code("ABCD-1234")
    await page.button("Скопировать").click()
    await expect(page.button("Скопировано")).to_be_visible()
    assert await page.page.evaluate("navigator.clipboard.readText()") == "ABCD1234"


async def test_code_is_copied_where_the_clipboard_is_forbidden(
    api: ScriptedApi, phone: OnboardingPage
) -> None:
    await phone.page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
    )
    await open_tab(api, phone, "Код по номеру", status="pairing")
    await api.say_code("ABCD-1234")
    await phone.button("Скопировать").click()
    await expect(phone.button("Скопировано")).to_be_visible()


async def test_looking_at_the_qr_never_disturbs_a_running_code(
    api: ScriptedApi, phone: OnboardingPage
) -> None:
    api.present = [IDLE]
    await phone.open()
    await phone.ask_code()
    await api.hear("request-pairing-code")
    await api.say("status", status="pairing")
    await api.say_code("ABCD-1234")
    await phone.tab("QR-код").click()
    await api.hear("request-qr")
    await api.say_qr(QR_TEXT, expires_in_s=600)
    await expect(phone.qr).to_be_visible()
    await phone.shows("Код ABCD-1234 действует ещё")
    await phone.button("Показать").click()
    await expect(phone.code).to_have_text("ABCD1234")
    assert api.heard == []


async def test_another_number_can_be_asked_for_while_a_code_runs(
    api: ScriptedApi, phone: OnboardingPage
) -> None:
    await open_tab(api, phone, "Код по номеру", status="pairing")
    await api.say_code("ABCD-1234")
    await phone.button("Другой номер").click()
    await phone.shows("Код ABCD-1234 действует ещё")
    await phone.ask_code("+7 999 000-00-02")
    assert await api.hear("request-pairing-code") == {"phoneNumber": "79990000002"}


async def test_countdown_follows_the_servers_clock_and_survives_sleep(
    api: ScriptedApi, phone: OnboardingPage
) -> None:
    await phone.page.clock.install()
    api.clock_ahead_ms = -3_600_000
    await open_tab(api, phone, "Код по номеру", status="pairing")
    minute_ms = 60_000
    await api.say_code("ABCD-1234", expires_in_s=31.9 * 60)
    await phone.shows("Действует ещё 31:")
    for text in ("Действует ещё 11:", "Время кода вышло"):
        api.clock_ahead_ms += 20 * minute_ms
        await phone.page.clock.fast_forward(20 * minute_ms)
        await phone.shows(text)
