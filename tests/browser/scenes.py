"""Every state of the onboarding page, and how a server and a person bring it about."""

from collections.abc import Awaitable, Callable
from typing import Final

from playwright.async_api import expect

from api_service.realtime import payloads
from shared.messages.status import Reason, SessionStatus
from tests.browser.onboarding_page import OnboardingPage
from tests.support.scripted_api import ScriptedApi, onboarding_token

Scene = Callable[[ScriptedApi, OnboardingPage], Awaitable[None]]

SCENES: Final[dict[str, Scene]] = {}

QR_TEXT: Final = "https://wa.me/settings/linked_devices#2@" + "Ab3/" * 50
AUTO_QRS: Final = 6


def scene(function: Scene) -> Scene:
    SCENES[function.__name__] = function
    return function


def status_scene(name: str, status: str, screen: str, **fields: object) -> None:
    async def play(api: ScriptedApi, page: OnboardingPage) -> None:
        api.present = [("status", {"status": status, **fields})]
        await page.open()
        await page.on_screen(screen)

    SCENES[name] = play


status_scene("linking", "linking", "linking")
status_scene("connected", "connected", "connected", phone="79990000001")
status_scene("reconnecting", "reconnecting", "reconnecting")
status_scene("reconnecting_owner_lost", "reconnecting", "reconnecting", reason="owner_lost")
status_scene("logged_out", "logged_out", "stopped", reason="logged_out")
status_scene("unlinked_elsewhere", "logged_out", "stopped", reason="unlinked")
status_scene("replaced", "replaced", "stopped")
status_scene("banned", "banned", "stopped")
status_scene("outdated", "outdated", "stopped")
status_scene("frozen", "frozen", "frozen", reason="frozen", phone="79990000001")
status_scene("frozen_without_a_link", "frozen", "frozen", reason="frozen")


def activation_scene(name: str, status: str, *, screen: str = "connected") -> None:
    async def play(api: ScriptedApi, page: OnboardingPage) -> None:
        api.present = [
            ("status", {"status": screen, "phone": "79990000001"}),
            ("activation", {"status": status}),
        ]
        await page.open()
        await page.on_screen(screen)
        await page.shows("YClients", within=".activation")

    SCENES[name] = play


activation_scene("activating", "activating")
activation_scene("active", "active")
activation_scene("activation_pending", "activation_pending")
activation_scene("activation_failed", "activation_failed")
activation_scene("active_reconnecting", "active", screen="reconnecting")


async def open_tab(api: ScriptedApi, page: OnboardingPage, tab: str, status: str = "idle") -> None:
    api.present = [("status", {"status": status})]
    await page.open()
    await page.tab(tab).click()


@scene
async def loading(_api: ScriptedApi, page: OnboardingPage) -> None:
    await page.stop_clock()
    await page.open()
    await page.move_clock(2)
    await page.shows("Связываемся с сервером")


@scene
async def qr(api: ScriptedApi, page: OnboardingPage) -> None:
    await open_tab(api, page, "QR-код")
    await api.hear("request-qr")
    await api.say("status", status="qr")
    await api.say_qr(QR_TEXT)
    await page.shows("Обновится через")


@scene
async def qr_refreshing(api: ScriptedApi, page: OnboardingPage) -> None:
    await page.stop_clock()
    await open_tab(api, page, "QR-код")
    await api.hear("request-qr")
    await api.say_qr(QR_TEXT, expires_in_s=1)
    await expect(page.qr).to_be_visible()
    await page.move_clock(2)
    await page.shows("Обновляем")


@scene
async def qr_connecting(api: ScriptedApi, page: OnboardingPage) -> None:
    await page.stop_clock()
    await open_tab(api, page, "QR-код")
    await api.hear("request-qr")
    await api.say("status", status="connecting", message="Соединяемся с WhatsApp…")
    await page.move_clock(2)
    await page.shows("Соединяемся с WhatsApp…")


@scene
async def qr_queued(api: ScriptedApi, page: OnboardingPage) -> None:
    await open_tab(api, page, "QR-код")
    await api.hear("request-qr")
    await api.say("status", status="queued", queuePosition=3)
    await page.shows("Вы 3-й в очереди")


@scene
async def qr_ran_out(api: ScriptedApi, page: OnboardingPage) -> None:
    await open_tab(api, page, "QR-код")
    for _ in range(AUTO_QRS):
        await api.hear("request-qr")
        await api.say("status", status="qr_expired")
    await page.shows("QR-код устарел")


@scene
async def qr_failed(api: ScriptedApi, page: OnboardingPage) -> None:
    await open_tab(api, page, "QR-код")
    await api.hear("request-qr")
    await api.say(
        "error",
        code="SERVICE_UNAVAILABLE",
        message="WhatsApp сейчас не отвечает.",
        nextStep="Попробуйте ещё раз через минуту.",
        retryAfter=60,
    )
    await page.shows("WhatsApp сейчас не отвечает")


@scene
async def code_form(api: ScriptedApi, page: OnboardingPage) -> None:
    await open_tab(api, page, "Код по номеру")
    await page.shows("Номер WhatsApp салона")


@scene
async def code_form_filled(api: ScriptedApi, page: OnboardingPage) -> None:
    await open_tab(api, page, "Код по номеру")
    await page.phone_field.press_sequentially("89990000001")
    await page.shows("Россия: +7 999 000-00-01")


@scene
async def code_form_refused(api: ScriptedApi, page: OnboardingPage) -> None:
    await open_tab(api, page, "Код по номеру")
    await page.ask_code("999 00")
    await page.shows("Номер не похож на телефонный")


@scene
async def code_asked(api: ScriptedApi, page: OnboardingPage) -> None:
    await open_tab(api, page, "Код по номеру")
    await page.ask_code()
    await api.hear("request-pairing-code")
    await page.shows("Запрашиваем код")


@scene
async def code_queued(api: ScriptedApi, page: OnboardingPage) -> None:
    await code_asked(api, page)
    await api.say("status", status="queued", queuePosition=2)
    await page.shows("Вы 2-й в очереди")


@scene
async def code(api: ScriptedApi, page: OnboardingPage) -> None:
    await code_asked(api, page)
    await api.say("status", status="pairing")
    await api.say_code()
    await page.shows("Действует ещё")


@scene
async def code_ran_out(api: ScriptedApi, page: OnboardingPage) -> None:
    await code_asked(api, page)
    await api.say_code(expires_in_s=0.1)
    await page.shows("Время кода вышло")


@scene
async def code_failed(api: ScriptedApi, page: OnboardingPage) -> None:
    await code_asked(api, page)
    await api.say("pairing-code-error", code="RATE_LIMITED", message="", retryAfter=125)
    await page.shows("Слишком много попыток")


@scene
async def code_behind_the_qr(api: ScriptedApi, page: OnboardingPage) -> None:
    await code(api, page)
    await page.tab("QR-код").click()
    await api.hear("request-qr")
    await api.say_qr(QR_TEXT)
    await page.shows("Код ABCD-1234 действует ещё")


@scene
async def connected_with_another_number(api: ScriptedApi, page: OnboardingPage) -> None:
    await code(api, page)
    await api.say("whatsapp-connected", success=True, phone="79990000002", sessionId="company_1001")
    await page.shows("Подключён номер")


@scene
async def unlink_asked(api: ScriptedApi, page: OnboardingPage) -> None:
    api.present = [("status", {"status": "connected", "phone": "79990000001"})]
    await page.open()
    await page.button("Отвязать WhatsApp").click()
    await page.shows("Отвязать WhatsApp?")


@scene
async def unlinking(api: ScriptedApi, page: OnboardingPage) -> None:
    await unlink_asked(api, page)
    await page.button("Да, отвязать").click()
    await api.hear("unlink")
    await page.shows("Отвязываем…")


@scene
async def unlink_failed(api: ScriptedApi, page: OnboardingPage) -> None:
    await unlinking(api, page)
    await api.say("error", code="UNLINK_FAILED", message="")
    await page.shows("Не удалось отвязать WhatsApp")


@scene
async def unlinked(api: ScriptedApi, page: OnboardingPage) -> None:
    await connected_with_another_number(api, page)
    await page.button("Отвязать и подключить другой номер").click()
    await page.button("Да, отвязать").click()
    await api.hear("unlink")
    _, told = payloads.status(SessionStatus.LOGGED_OUT, Reason.UNLINKED)
    await api.say("status", **told)
    await page.shows("WhatsApp отвязан")


@scene
async def linking_stuck(api: ScriptedApi, page: OnboardingPage) -> None:
    await page.page.clock.install()
    api.present = [("status", {"status": "linking"})]
    await page.open()
    await page.on_screen("linking")
    await page.page.clock.run_for(41_000)
    await page.button("Начать заново").click()
    await page.shows("Начать подключение заново?")


@scene
async def code_void(api: ScriptedApi, page: OnboardingPage) -> None:
    await code(api, page)
    await api.say("status", status="connecting")
    await page.shows("Этот код больше не действует")


@scene
async def code_unsure(api: ScriptedApi, page: OnboardingPage) -> None:
    await page.page.clock.install()
    await code(api, page)
    api.present = []
    await page.page.clock.fast_forward(15_000)
    await page.page.clock.run_for(2_000)
    await page.shows("Проверяем, действует ли код")


@scene
async def code_asked_elsewhere(api: ScriptedApi, page: OnboardingPage) -> None:
    await code_asked(api, page)
    await api.say("pairing-code-error", code="REQUEST_IN_PROGRESS", message="Уже запрашивается.")
    await page.shows("Код уже запрошен")


@scene
async def code_tried_again(api: ScriptedApi, page: OnboardingPage) -> None:
    await page.stop_clock()
    await code(api, page)
    await api.say(
        "status",
        status="error",
        reason="owner_lost",
        code="SERVICE_UNAVAILABLE",
        message="Сервис временно недоступен.",
    )
    await page.shows("Попробуем сами через")


@scene
async def passkey_required(api: ScriptedApi, page: OnboardingPage) -> None:
    await qr(api, page)
    await api.say("status", status="error", reason="passkey_required", code="PASSKEY_REQUIRED")
    await page.shows("Ключ доступа не удаляйте")


@scene
async def remarks(api: ScriptedApi, page: OnboardingPage) -> None:
    """Everything at once that can be said of a tab: it must still fit."""
    api.present = [("status", {"status": "idle"})]
    await page.open(onboarding_token(expires_in_s=200))
    await page.shows("Ссылка перестанет действовать")
    twin = await page.page.context.new_page()
    await twin.goto(page.page.url)
    await page.shows("Эта страница открыта ещё в одной вкладке")


@scene
async def failed(api: ScriptedApi, page: OnboardingPage) -> None:
    status = {
        "status": "error",
        "code": "LINKER_FAILED",
        "message": "Подключение прервалось на нашей стороне.",
        "nextStep": "Попробуйте ещё раз через минуту.",
    }
    await page.stop_clock()
    await qr(api, page)
    await api.say("status", **status)
    await page.shows("Подключение прервалось")


@scene
async def server_lost(api: ScriptedApi, page: OnboardingPage) -> None:
    await qr(api, page)
    await api.stop()
    await page.shows("Нет связи с сервером")


@scene
async def server_sends_away(api: ScriptedApi, page: OnboardingPage) -> None:
    await page.stop_clock()
    await qr(api, page)
    await api.send_away(code="SERVICE_UNAVAILABLE", message="Сервис обновляется")
    await page.shows("Повторим через")


@scene
async def too_many_connections(api: ScriptedApi, page: OnboardingPage) -> None:
    api.send_away_with = {"code": "TOO_MANY_CONNECTIONS", "message": "Слишком много вкладок."}
    await page.open()
    await page.on_screen("refused")


@scene
async def token_expired(api: ScriptedApi, page: OnboardingPage) -> None:
    api.send_away_with = {"code": "TOKEN_EXPIRED", "message": "Ссылка устарела."}
    await page.open()
    await page.on_screen("no-entry")


@scene
async def token_missing(_api: ScriptedApi, page: OnboardingPage) -> None:
    await page.open(token=None)
    await page.on_screen("no-entry")


@scene
async def long_title(api: ScriptedApi, page: OnboardingPage) -> None:
    api.present = [("status", {"status": "idle"})]
    title = "Сеть салонов красоты и эстетической медицины «Афродита-Люкс-Премиум-Интернешнл»"
    await page.open(onboarding_token(title))
    await page.on_screen("form")
