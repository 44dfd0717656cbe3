"""Taking a link back from the page: asked for twice, done once, and what comes after."""

import pytest
from playwright.async_api import expect

from tests.browser.onboarding_page import OnboardingPage
from tests.browser.scenes import unlink_asked, unlink_failed, unlinked, unlinking
from tests.support.scripted_api import ScriptedApi

CONNECTED = ("status", {"status": "connected", "phone": "79990000001"})


async def test_question_takes_the_focus_and_gives_it_back(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await unlink_asked(api, desktop)
    question = desktop.page.get_by_role("heading", name="Отвязать WhatsApp?")
    await expect(question).to_be_focused()
    await desktop.page.keyboard.press("Escape")
    await expect(desktop.button("Отвязать WhatsApp")).to_be_focused()
    await desktop.page.keyboard.press("Enter")
    await expect(question).to_be_focused()
    await desktop.page.keyboard.press("Tab")
    await desktop.page.keyboard.press("Tab")
    await expect(desktop.button("Оставить")).to_be_focused()
    await desktop.page.keyboard.press("Enter")
    await expect(desktop.button("Отвязать WhatsApp")).to_be_focused()
    assert api.heard == []


async def test_unlinked_leads_to_the_form_with_a_word_about_it(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await unlink_asked(api, desktop)
    await desktop.button("Да, отвязать").click()
    assert await api.hear("unlink") is None
    await desktop.button("Отвязываем…").dispatch_event("click")
    await api.say("status", status="logged_out", reason="unlinked")
    await desktop.on_screen("form")
    await desktop.shows("WhatsApp отвязан")
    await expect(desktop.page.locator(".note")).to_be_focused()
    await api.hear("request-qr")
    assert api.heard == []


async def test_after_a_wrong_number_the_right_one_is_filled_in(
    api: ScriptedApi, phone: OnboardingPage
) -> None:
    await unlinked(api, phone)
    await expect(phone.phone_field).to_have_value("+7 999 000-00-01")
    await phone.button("Получить код").click()
    assert await api.hear("request-pairing-code") == {"phoneNumber": "79990000001"}


async def test_failure_has_a_text_and_the_button_works_again(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await unlink_failed(api, desktop)
    await expect(desktop.page.get_by_role("alert")).to_contain_text("«Связанные устройства»")
    await desktop.button("Да, отвязать").click()
    await api.hear("unlink")
    await api.say("error", code="SERVICE_UNAVAILABLE", message="")
    await expect(desktop.page.get_by_role("alert")).to_contain_text("Сервис временно недоступен")


async def test_no_answer_is_a_failure_after_twenty_seconds(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await desktop.page.clock.install()
    await unlinking(api, desktop)
    await desktop.page.clock.run_for(20_000)
    await desktop.shows("Не удалось отвязать WhatsApp")


@pytest.mark.parametrize("status", ["reconnecting", "linking"])
async def test_way_out_of_a_link_that_never_settles(
    status: str, api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await desktop.page.clock.install()
    api.present = [("status", {"status": status})]
    await desktop.open()
    await desktop.on_screen(status)
    await desktop.page.clock.run_for(41_000)
    await desktop.button({"linking": "Начать заново"}.get(status, "Отвязать WhatsApp")).click()
    await desktop.page.locator(".question .button").first.click()
    await api.hear("unlink")
    await api.say("status", status="logged_out", reason="unlinked")
    await desktop.on_screen("form")


async def test_another_tab_says_that_it_was_unlinked_and_asks_for_nothing(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [CONNECTED]
    await desktop.open()
    await desktop.on_screen("connected")
    await api.say("status", status="logged_out", reason="unlinked")
    await expect(desktop.page.get_by_role("heading", name="WhatsApp отвязан")).to_be_visible()
    assert api.heard == []
