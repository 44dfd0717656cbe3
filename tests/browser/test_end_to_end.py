"""The whole system as `make run` starts it, used as its users do: only through the pages."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.support.make_run import Run

pytestmark = pytest.mark.timeout(300)

SALONS = ("Ромашка", "Борода")
PATIENCE_MS = 60_000


@pytest_asyncio.fixture(loop_scope="session")
async def people(browser: Browser) -> AsyncIterator["People"]:
    people = People(browser)
    yield people
    complaints = people.complaints
    await people.leave()
    assert not complaints


class People:
    """The owner at a screen, and whoever holds the salon's phone."""

    def __init__(self, browser: Browser) -> None:
        self.complaints: list[str] = []
        self._browser = browser
        self._pages: list[Page] = []

    async def open(self, url: str, width: int = 1100) -> Page:
        context = await self._browser.new_context(
            locale="ru-RU", viewport=ViewportSize(width=width, height=800)
        )
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self._pages.append(page)
        await page.goto(url)
        return page

    async def press_connect(self, run: Run, salon: str) -> Page:
        page = await self.open(run.url("PORTAL"))
        await page.get_by_role("link", name=salon).click()
        await expect(page.get_by_role("heading", name="Подключение WhatsApp")).to_be_visible()
        return page

    async def leave(self) -> None:
        for page in self._pages:
            await page.context.close()


async def done(owner: Page) -> None:
    await expect(owner.get_by_role("heading", name="Готово")).to_be_visible(timeout=PATIENCE_MS)


async def qr_shown(owner: Page) -> None:
    qr = owner.get_by_alt_text("QR-код для привязки WhatsApp")
    await expect(qr).to_be_visible(timeout=PATIENCE_MS)


async def create_phone(phone: Page, number: str, name: str) -> None:
    await phone.get_by_text("Новый телефон").click()
    await phone.get_by_label("Номер").fill(number)
    await phone.get_by_label("Имя").fill(name)
    await phone.get_by_role("button", name="Создать").click()
    await expect(phone.get_by_label("Телефон", exact=True)).to_have_value(re.sub(r"\D", "", number))


async def test_both_ways_of_linking_a_restart_and_an_unlink(
    run: Run, people: People, screenshots: Path
) -> None:
    process = run.ready()
    phone = await people.open(run.url("PHONE"), width=420)

    by_qr = await people.press_connect(run, SALONS[0])
    await qr_shown(by_qr)
    await expect(phone.get_by_text("На экране:")).to_be_visible(timeout=PATIENCE_MS)
    await phone.screenshot(path=screenshots / "phone-before.png", full_page=True)
    await phone.get_by_role("button", name="Сканировать QR", exact=True).click()
    await done(by_qr)

    await create_phone(phone, "+7 999 000-00-02", "Барбершоп")
    by_code = await people.press_connect(run, SALONS[1])
    await by_code.get_by_role("tab", name="Код по номеру").click()
    await by_code.get_by_label("Номер WhatsApp салона").fill("8 999 000-00-02")
    await by_code.get_by_role("button", name="Получить код").click()
    code = "".join((await by_code.get_by_test_id("code").inner_text()).split())
    await phone.get_by_label("Код из 8 букв и цифр").fill(code)
    await phone.get_by_role("button", name="Привязать по коду").click()
    await expect(phone.locator("#message")).to_contain_text("Привязано", timeout=PATIENCE_MS)
    await done(by_code)
    await phone.screenshot(path=screenshots / "phone-after.png", full_page=True)

    assert process.terminate() == 0
    run.ready()
    await by_code.reload()
    await done(by_code)
    await by_qr.reload()
    await done(by_qr)

    await phone.reload()
    await phone.get_by_label("Телефон", exact=True).select_option("79990000002")
    await phone.get_by_role("button", name="Отвязать").click()
    await expect(by_code.get_by_role("heading", name="WhatsApp отключён")).to_be_visible(
        timeout=PATIENCE_MS
    )
    await expect(by_qr.get_by_role("heading", name="Готово")).to_be_visible()

    await by_qr.get_by_role("button", name="Отвязать WhatsApp").click()
    await by_qr.get_by_role("button", name="Да, отвязать").click()
    await expect(by_qr.get_by_text("Теперь можно подключить другой телефон")).to_be_visible()
    await qr_shown(by_qr)
    await phone.get_by_label("Телефон", exact=True).select_option("79990000001")
    await expect(phone.get_by_text("Ничего не привязано")).to_be_visible(timeout=PATIENCE_MS)


async def test_a_page_that_is_reloaded_while_a_code_runs_shows_the_same_code(
    run: Run, people: People
) -> None:
    run.ready()
    page = await people.press_connect(run, SALONS[0])
    await page.get_by_role("tab", name="Код по номеру").click()
    await page.get_by_label("Номер WhatsApp салона").fill("79990000001")
    await page.get_by_role("button", name="Получить код").click()
    code = await page.get_by_test_id("code").inner_text()

    await page.reload()

    await expect(page.get_by_test_id("code")).to_have_text(
        re.sub(r"\s+", "", code), timeout=PATIENCE_MS
    )
