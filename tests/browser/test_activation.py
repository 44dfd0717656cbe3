"""What the page says of YClients once WhatsApp is linked: quietly, once, and never in the way."""

import pytest
from playwright.async_api import expect

from tests.browser.onboarding_page import OnboardingPage
from tests.support.scripted_api import ScriptedApi

CONNECTED = ("status", {"status": "connected", "phone": "79990000001"})
_LISTEN = """() => {
  window.heard = [];
  for (const region of document.querySelectorAll("[role=status]")) {
    new MutationObserver(() => window.heard.push(region.textContent))
      .observe(region, {childList: true, characterData: true, subtree: true});
  }
}"""


async def connected(api: ScriptedApi, page: OnboardingPage) -> None:
    api.present = [CONNECTED]
    await page.open()
    await page.on_screen("connected")


async def test_progress_and_outcome_are_told_once_each(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await desktop.stop_clock()
    await connected(api, desktop)
    await desktop.page.evaluate(_LISTEN)
    line = desktop.page.locator(".activation")

    await api.say("activation", status="activating")
    await api.say("status", status="connected", phone="79990000002")
    await desktop.shows("+7 999 •••-••-02")
    await desktop.move_clock(0.5)
    await expect(line).to_have_count(0)
    await desktop.move_clock(1)
    await expect(line).to_have_text("Подключаем салон в YClients…")
    await desktop.move_clock(8)
    await expect(line).to_contain_text("дольше обычного")
    await api.say("activation", status="active")
    await expect(line).to_contain_text("Салон подключён в YClients")
    await api.say("activation", status="active")
    await api.say("activation", status="of-tomorrow", message="?")
    await desktop.shows("WhatsApp салона подключён")
    await api.say("status", status="reconnecting", phone="79990000002")
    await desktop.on_screen("reconnecting")
    await expect(line).to_contain_text("Салон подключён в YClients")

    assert await desktop.page.evaluate("window.heard.filter(Boolean)") == [
        "Подключаем салон в YClients…",
        "Салон подключён в YClients",
        "Восстанавливаем связь с WhatsApp",
    ]


@pytest.mark.parametrize("status", ["activation_pending", "activation_failed", "pending_callback"])
async def test_trouble_in_yclients_hides_nothing_and_says_what_comes(
    status: str, api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await connected(api, desktop)
    await api.say("activation", status=status)
    line = desktop.page.locator(".activation")
    await expect(line).to_contain_text("YClients")
    await expect(line).to_contain_text("сами")
    await desktop.shows("WhatsApp салона подключён")
    await expect(desktop.button("Отвязать WhatsApp")).to_be_visible()
    assert await desktop.page.get_by_role("alert").count() == 0

    await api.say("activation", status=status, message="Слова сервера.", nextStep="И что дальше.")
    await expect(line).to_have_text("Слова сервера.И что дальше.")


async def test_salon_that_is_active_sees_its_state_unlinks_and_links_again(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [CONNECTED, ("activation", {"status": "active"})]
    await desktop.open()
    await desktop.on_screen("connected")
    await desktop.shows("Салон подключён в YClients")
    await desktop.button("Отвязать WhatsApp").click()
    await desktop.button("Да, отвязать").click()
    await api.hear("unlink")
    await api.say("status", status="logged_out", reason="unlinked")
    await desktop.on_screen("form")
    await expect(desktop.page.locator(".activation")).to_have_count(0)
    await api.hear("request-qr")
    await api.say("whatsapp-connected", success=True, phone="79990000002")
    await api.say("activation", status="active")
    await desktop.on_screen("connected")
    await desktop.shows("Салон подключён в YClients")


async def test_frozen_salon_offers_nothing_to_link_and_comes_back_by_itself(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [("status", {"status": "frozen", "reason": "frozen", "phone": "79990000001"})]
    await desktop.open()
    await desktop.on_screen("frozen")
    await desktop.shows("Оплатите её в YClients")
    await desktop.shows("остаётся привязан")
    await expect(desktop.page.get_by_role("tab")).to_have_count(0)
    await api.say("status", status="reconnecting", phone="79990000001")
    await api.say("whatsapp-connected", success=True, phone="79990000001")
    await desktop.on_screen("connected")
    assert api.heard == []
