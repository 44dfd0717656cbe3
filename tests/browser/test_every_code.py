"""Whatever code or reason the server may tell: the page has words for it, and a next step.

The payloads are the server's own, so a new code without a text on either side fails here.
"""

import re
from typing import Final

import pytest
from playwright.async_api import expect

from api_service.realtime import payloads
from api_service.realtime.payloads import Told
from shared.errors import AppError, ErrorCode
from shared.messages.status import Reason, SessionStatus
from shared.texts import ACTIVATION_TEXTS
from tests.browser.onboarding_page import OnboardingPage
from tests.browser.scenes import QR_TEXT
from tests.support.scripted_api import ScriptedApi

CLOSING: Final = {ErrorCode.TOKEN_MISSING, ErrorCode.TOKEN_INVALID, ErrorCode.TOKEN_EXPIRED}
GREETED: Final = {ErrorCode.ALREADY_CONNECTED}
"""Answered with the state, never told as an error."""
FORMLESS: Final = {
    SessionStatus.LINKING: "linking",
    SessionStatus.CONNECTED: "connected",
    SessionStatus.RECONNECTING: "reconnecting",
    SessionStatus.LOGGED_OUT: "stopped",
    SessionStatus.REPLACED: "stopped",
    SessionStatus.BANNED: "stopped",
    SessionStatus.OUTDATED: "stopped",
    SessionStatus.FROZEN: "frozen",
}
SENTENCE: Final = re.compile(r"\S+ \S+")


async def say(api: ScriptedApi, told: Told) -> str:
    event, payload = told
    await api.say(event, **payload)
    message: str = payload["message"]
    assert message[0].isupper()
    return message


async def test_every_error_code_is_explained_with_a_way_on(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await desktop.stop_clock()
    api.present = [("status", {"status": "qr"}), ("qr-update", api.qr(QR_TEXT))]
    await desktop.open()
    await expect(desktop.qr).to_be_visible()
    for code in (code for code in ErrorCode if code not in CLOSING | GREETED):
        message = await say(api, payloads.error(AppError(code)))
        notice = desktop.page.locator(f".notice[data-code={code}]")
        await expect(notice, code).to_contain_text(message)
        await expect(notice.locator("p, li").nth(1), code).to_have_text(SENTENCE)
        await expect(desktop.button("Попробовать ещё раз"), code).to_be_visible()


@pytest.mark.parametrize("code", sorted(CLOSING))
async def test_every_code_about_the_token_leads_back_to_yclients(
    code: ErrorCode, api: ScriptedApi, desktop: OnboardingPage
) -> None:
    _, api.send_away_with = payloads.error(AppError(code))
    await desktop.open()
    await desktop.shows(str(api.send_away_with["message"]).rstrip("."))
    await desktop.shows("Подключить")


async def test_every_reason_of_a_failed_attempt_is_explained_with_a_way_on(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    await desktop.stop_clock()
    api.present = [("status", {"status": "qr"}), ("qr-update", api.qr(QR_TEXT))]
    await desktop.open()
    await expect(desktop.qr).to_be_visible()
    for reason in Reason:
        message = await say(api, payloads.status(SessionStatus.ERROR, reason))
        notice = desktop.page.locator(".notice")
        await expect(notice, reason).to_contain_text(message)
        await expect(notice.locator("p, li").nth(1), reason).to_have_text(SENTENCE)
        await api.say("status", status="qr")
        await api.say_qr(f"after {reason}")
        await expect(notice, reason).to_have_count(0)


async def test_every_step_of_an_activation_is_told_under_the_link(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [("status", {"status": "connected", "phone": "79990000001"})]
    await desktop.open()
    await desktop.on_screen("connected")
    line = desktop.page.locator(".activation")
    for step in ACTIVATION_TEXTS:
        message = await say(api, payloads.activation(step))
        await expect(line, step).to_contain_text(message)
        await expect(line, step).to_have_attribute("data-activation", step)
        await desktop.shows("WhatsApp салона подключён")


async def test_every_status_with_every_reason_has_a_screen(
    api: ScriptedApi, desktop: OnboardingPage
) -> None:
    api.present = [("status", {"status": "idle"})]
    await desktop.open()
    for status in SessionStatus:
        for reason in (None, *Reason) if status in FORMLESS else (None,):
            await say(api, payloads.status(status, reason))
            await desktop.on_screen(FORMLESS.get(status, "form"))
            words = await desktop.card.inner_text()
            assert len(words.split()) > 3, (status, reason)
            assert "undefined" not in words
            assert "null" not in words
