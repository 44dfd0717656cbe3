"""The way to our own server: lost, refused, and found again."""

import pytest
from playwright.async_api import expect

from tests.browser.onboarding_page import OnboardingPage
from tests.browser.scenes import QR_TEXT, open_tab
from tests.support.scripted_api import ScriptedApi, onboarding_token

IDLE = ("status", {"status": "idle"})


async def test_token_travels_in_the_handshake_and_titles_the_page(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [IDLE]
    token = onboarding_token("Салон «Лютик» & <b>Ко</b>")
    await desktop.open(token)
    await desktop.shows("Салон «Лютик» & <b>Ко</b>")
    await desktop.on_screen("form")
    assert api.tokens == [token]


async def test_server_that_restarts_is_found_again(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [("status", {"status": "qr"}), ("qr-update", api.qr(QR_TEXT))]
    await desktop.open()
    await expect(desktop.qr).to_be_visible()
    await api.stop()
    await desktop.shows("Нет связи с сервером")
    api.present = [("status", {"status": "connected", "phone": "79990000001"})]
    await api.start()
    await desktop.on_screen("connected")
    await expect(desktop.page.locator(".banner")).to_have_count(0)


async def test_connection_cut_while_a_code_is_on_its_way(
    api: ScriptedApi, phone: OnboardingPage
) -> None:
    api.present = [IDLE]
    await phone.open()
    await phone.ask_code()
    await api.hear("request-pairing-code")
    api.cut()
    assert await api.hear("request-pairing-code") == {"phoneNumber": "79990000001"}
    await api.say_code("ABCD-1234")
    await expect(phone.code).to_have_text("ABCD1234")


@pytest.mark.parametrize("code", ["TOKEN_INVALID", "TOKEN_EXPIRED"])
async def test_bad_token_is_explained_and_never_tried_again(
    api: ScriptedApi, desktop: OnboardingPage, code: str
) -> None:
    await desktop.page.clock.install()
    api.send_away_with = {"code": code, "message": ""}
    await desktop.open()
    await desktop.shows("нажмите «Подключить» ещё раз")
    await desktop.page.clock.fast_forward(3_600_000)
    await desktop.page.evaluate("window.dispatchEvent(new Event('online'))")
    await desktop.on_screen("no-entry")
    assert api.connections == 1


async def test_without_a_token_nothing_is_connected(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await desktop.open(token=None)
    await desktop.shows("В ссылке нет ключа подключения")
    assert api.connections == 0


async def test_too_many_connections_waits_a_minute_and_comes_back(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await desktop.page.clock.install()
    api.send_away_with = {"code": "TOO_MANY_CONNECTIONS", "message": ""}
    await desktop.open()
    await desktop.shows("Страница открыта слишком много раз")
    assert api.connections == 1
    api.send_away_with = None
    api.present = [("status", {"status": "connected", "phone": "79990000001"})]
    await desktop.page.clock.fast_forward(61_000)
    await desktop.on_screen("connected")
    assert api.connections == 2


async def test_button_brings_back_a_page_that_was_sent_away(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.send_away_with = {"code": "TOO_MANY_CONNECTIONS", "message": ""}
    await desktop.open()
    await desktop.on_screen("refused")
    api.send_away_with = None
    api.present = [IDLE]
    await desktop.button("Попробовать сейчас").click()
    await desktop.on_screen("form")


async def test_reload_resumes_a_running_code_and_the_typed_number(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await open_tab(api, desktop, "Код по номеру")
    await desktop.ask_code()
    await api.hear("request-pairing-code")
    await api.say_code("ABCD-1234")
    await expect(desktop.code).to_be_visible()
    api.present = [
        ("status", {"status": "pairing"}),
        ("pairing-code", api.code("ABCD-1234", 31.9 * 60)),
    ]
    await desktop.page.reload()
    await expect(desktop.code).to_have_text("ABCD1234")
    await desktop.shows("Действует ещё 31:")
    api.present = [IDLE]
    await desktop.page.reload()
    await expect(desktop.phone_field).to_have_value("+7 999 000-00-01")


async def test_unlinked_on_the_phone_and_linked_again(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [("status", {"status": "connected", "phone": "79990000001"})]
    await desktop.open()
    await desktop.on_screen("connected")
    await api.say(
        "status", status="logged_out", message="Отвязано на телефоне.", reason="logged_out"
    )
    await desktop.shows("Отвязано на телефоне.")
    await desktop.button("Подключить снова").click()
    await api.hear("request-qr")
    await api.say_qr(QR_TEXT)
    await expect(desktop.qr).to_be_visible()


async def test_nonsense_from_the_server_changes_nothing(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [("status", {"status": "qr"}), ("qr-update", api.qr(QR_TEXT))]
    await desktop.open()
    await expect(desktop.qr).to_be_visible()
    await api.say("status", status="dancing")
    await api.say("qr-update", qr="x", image="https://example.com/x.png", expiresIn=20)
    await api.say("pairing-code", code=7)
    await api.say("pairing-code", code="<i>A</i>", phoneNumber="79990000001", expiresIn=50)
    await desktop.shows("Код <i>A</i> действует ещё")
    await expect(desktop.qr).to_be_visible()
