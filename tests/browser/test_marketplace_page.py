"""The owner's page of the YClients in the box: statuses, buttons, quirks, journal."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from sandbox.yclients.connections import Connection, Status
from sandbox.yclients.operations import Operation
from sandbox.yclients.portal.salons import SALONS
from sandbox.yclients.quirks import QuirkKind
from tests.browser.accessibility import accessibility_faults, overflow_px
from tests.browser.onboarding_page import DESKTOP_SIZE, PHONE_SIZE, SMALLEST_SIZE
from tests.support.waiting import wait_until
from tests.support.yclients import RunningYclients, running_yclients

API: Final = "http://127.0.0.1:9"
SIZES: Final = {"phone": PHONE_SIZE, "320": SMALLEST_SIZE, "desktop": DESKTOP_SIZE}
WATCH_POLICY: Final = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`));
"""


class Marketplace:
    def __init__(self, page: Page, box: RunningYclients) -> None:
        self.page = page
        self.box = box

    def salon(self, title: str = "Ромашка") -> Locator:
        return self.page.get_by_role("listitem").filter(has_text=title)

    def connection(self, salon_id: int = 1001) -> Connection:
        connection = self.box.world.connections.find(salon_id)
        assert connection is not None
        return connection

    def activate(self, salon_id: int = 1001) -> None:
        connection = self.connection(salon_id)
        self.box.world.connections.connect(connection)
        self.box.world.connections.activate(connection, "key", [])

    async def press(self, name: str, title: str = "Ромашка") -> None:
        await self.salon(title).get_by_role("button", name=name).click()

    async def open_lab(self) -> None:
        await self.page.get_by_text("Для разработчика").click()


@pytest_asyncio.fixture(loop_scope="session")
async def box() -> AsyncIterator[RunningYclients]:
    async with running_yclients(API, salons=tuple(SALONS.values())) as box:
        yield box


@pytest_asyncio.fixture(loop_scope="session")
async def marketplace(browser: Browser, box: RunningYclients) -> AsyncIterator[Marketplace]:
    """Open on a phone; at the end nothing may have complained in the console."""
    page = await browser.new_page(viewport=PHONE_SIZE, locale="ru-RU")
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    await page.add_init_script(WATCH_POLICY)
    await page.goto(box.url)
    yield Marketplace(page, box)
    await page.close()
    assert [text for text in complaints if "Failed to load resource" not in text] == []


async def test_connect_sends_the_owner_to_the_application(marketplace: Marketplace) -> None:
    link = marketplace.page.get_by_role("link", name="Подключить: Салон красоты «Ромашка»")
    async with marketplace.page.expect_request(f"{API}/**") as asked:
        await link.click()
    # The page that says that nobody answers there would overtake the next one.
    await marketplace.page.wait_for_url("chrome-error:**")
    assert (await asked.value).url.startswith(
        f"{API}/auth/yclients/redirect?salon_id=1001&user_data="
    )
    assert marketplace.connection().status is Status.PENDING

    await marketplace.page.goto(marketplace.box.url)
    await expect(marketplace.salon()).to_contain_text("Ожидает подключения")
    await marketplace.press("Ожидание истекло")
    await expect(marketplace.salon()).to_contain_text("Не подключён")


async def test_what_happens_meanwhile_is_shown_and_announced(marketplace: Marketplace) -> None:
    await expect(marketplace.salon()).to_contain_text("Не подключён")
    marketplace.activate()
    await expect(marketplace.salon()).to_contain_text("Подключён")
    await expect(marketplace.page.get_by_role("status")).to_have_text(
        "Салон красоты «Ромашка»: Подключён"
    )
    await expect(marketplace.salon("Борода")).to_contain_text("Не подключён")


async def test_an_owner_freezes_pays_and_uninstalls_by_keyboard(marketplace: Marketplace) -> None:
    marketplace.activate()
    page, salon = marketplace.page, marketplace.salon()
    await salon.get_by_role("button", name="Заморозить").focus()
    await page.keyboard.press("Enter")
    await expect(salon).to_contain_text("Заморожен")
    await expect(salon.locator(":focus")).to_have_text("Оплатить")
    await page.keyboard.press("Enter")
    await expect(salon).to_contain_text("Подключён")
    await expect(salon.locator(":focus")).to_have_text("Настройки")
    await salon.get_by_role("button", name="Удалить приложение").focus()
    await page.keyboard.press("Enter")
    await expect(salon).to_contain_text("Не подключён")
    history = [change.status_to for change in marketplace.connection().changes]
    assert history[-3:] == [Status.FREEZED, Status.ACTIVE, Status.UNINSTALLED]


async def test_a_quirk_is_switched_on_strikes_and_is_switched_off(
    marketplace: Marketplace,
) -> None:
    await marketplace.open_lab()
    page, quirks = marketplace.page, marketplace.box.world.quirks
    await page.get_by_label("Что случится").select_option(label="503 сервис недоступен")
    await page.get_by_label("В каком вызове").select_option(label="активация")
    await page.get_by_label("Сколько раз").fill("")
    await page.get_by_role("button", name="Включить сбой").click()
    item = page.get_by_role("listitem").filter(has_text="503 сервис недоступен")
    await expect(item).to_contain_text("активация, любой салон, всегда")
    [quirk] = quirks.all()
    assert (quirk.kind, quirk.operation, quirk.times) == (
        QuirkKind.UNAVAILABLE,
        Operation.ACTIVATE,
        None,
    )
    await item.get_by_role("button", name="Выключить").click()
    await expect(page.get_by_text("Сбоев нет")).to_be_visible()
    assert quirks.all() == []


async def test_what_makes_no_sense_is_said(marketplace: Marketplace) -> None:
    await marketplace.open_lab()
    await marketplace.page.get_by_label("Задержка, с").fill("долго")
    await marketplace.page.get_by_role("button", name="Доставлять так").click()
    await expect(marketplace.page.get_by_role("alert")).to_have_text(
        "Поля заполнены неверно: нужны числа."
    )
    await marketplace.page.get_by_label("Задержка, с").fill("0.5")
    await marketplace.page.get_by_role("button", name="Доставлять так").click()
    await expect(marketplace.page.get_by_role("alert")).to_be_empty()
    [manner] = marketplace.box.world.callbacks.manners()
    assert manner.delay_s == 0.5


async def test_held_callbacks_are_let_go(marketplace: Marketplace) -> None:
    marketplace.activate()
    await marketplace.open_lab()
    page, callbacks = marketplace.page, marketplace.box.world.callbacks
    await page.get_by_label("задержать и потом отправить").check()
    await page.get_by_role("button", name="Доставлять так").click()
    await expect(page.get_by_text("копий 1, задерживаются")).to_be_visible()
    await marketplace.press("Заморозить")
    await page.get_by_role("button", name="Отправить задержанные (1)").click()
    await wait_until(lambda: len(callbacks.deliveries) == 1, what="it was sent")
    sent = page.get_by_role("list", name="Отправленные уведомления")
    await expect(sent).to_contain_text("нет ответа")
    await page.get_by_role("button", name="Доставлять как обычно").click()
    await expect(page.get_by_text("уходит сразу и один раз")).to_be_visible()


async def test_calls_are_listed_as_they_come(marketplace: Marketplace) -> None:
    await marketplace.open_lab()
    calls = marketplace.page.get_by_role("list", name="Последние вызовы")
    await expect(calls).to_contain_text("Пока ничего")
    await marketplace.page.request.get(f"{marketplace.box.url}/marketplace/application/77/tariffs")
    await expect(calls).to_contain_text("тарифы")
    await expect(calls).to_contain_text("401")
    await marketplace.page.get_by_role("button", name="Вернуть ограничение").click()
    await expect(marketplace.page.get_by_text("в минуту действует")).to_be_visible()
    assert marketplace.box.world.limit.enforced


async def test_it_is_complete_accessible_and_fits(
    marketplace: Marketplace,
    page_dir: Path,  # noqa: ARG001 - axe-core comes with it
    screenshots: Path,
) -> None:
    for salon_id in (1001, 1002):
        marketplace.activate(salon_id)
    marketplace.box.world.freeze(marketplace.connection(1002), told=False)
    await marketplace.box.control.add_quirk(QuirkKind.RESET, times=None)
    await marketplace.box.control.deliver(held=True)
    page = marketplace.page
    await page.reload()
    for name, size in SIZES.items():
        await page.set_viewport_size(size)
        await page.screenshot(path=screenshots / f"marketplace-{name}.png", full_page=True)
        assert await overflow_px(page) == 0, name
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await accessibility_faults(page) == [], scheme
    await page.screenshot(path=screenshots / "marketplace-dark.png", full_page=True)


async def test_a_stand_that_is_away_is_said(marketplace: Marketplace) -> None:
    await marketplace.page.route("**/*", lambda route: route.abort())
    await expect(marketplace.page.get_by_role("alert")).to_contain_text("Стенд не отвечает")
    await marketplace.page.unroute_all(behavior="wait")
    await expect(marketplace.page.get_by_role("alert")).to_be_empty()


async def test_it_works_without_its_script(browser: Browser, box: RunningYclients) -> None:
    connection = box.world.connections.find(1001)
    assert connection is not None
    box.world.connections.connect(connection)
    box.world.connections.activate(connection, "key", [])
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(box.url)
    await page.get_by_role("button", name="Заморозить").click()
    await expect(page.get_by_text("Заморожен: подписка закончилась")).to_be_visible()
    await page.get_by_text("Для разработчика").click()
    await page.get_by_role("button", name="Включить сбой").click()
    await expect(page.get_by_role("button", name="Выключить все сбои")).to_be_visible()
    await context.close()
