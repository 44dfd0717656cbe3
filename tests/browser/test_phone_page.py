"""The simulated phone's page in a real browser, against a real network in a box."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Final

import pytest_asyncio
import segno
from playwright.async_api import Browser, FilePayload, Page, ViewportSize, expect

from sandbox.whatsapp_network.control_client import ControlClient
from sandbox.whatsapp_network.service import Options, Service, run_service
from tests.support.whatsapp_companion import CompanionClient
from tests.support.whatsapp_in_process import NUMBER

NARROW: Final[ViewportSize] = {"width": 360, "height": 740}


@pytest_asyncio.fixture(loop_scope="session")
async def service() -> AsyncIterator[Service]:
    async with run_service(Options()) as service:
        service.network.settings.close_delay_s = 0
        yield service


@pytest_asyncio.fixture(loop_scope="session")
async def control(service: Service) -> AsyncIterator[ControlClient]:
    async with ControlClient(service.control_url) as control:
        await control.create_phone(NUMBER, "Салон")
        yield control


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, service: Service) -> AsyncIterator[Page]:
    """Open on a narrow screen; at the end nothing may have complained in the console."""
    page = await browser.new_page(viewport=NARROW, locale="ru-RU")
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if _is_complaint(message.text) else None,
    )
    await page.goto(service.control_url)
    yield page
    await page.close()
    assert not complaints


def _is_complaint(text: str) -> bool:
    # A refusal of the API is an answer: the page shows it.
    return "Failed to load resource" not in text


async def test_first_phone_is_created_and_chosen(page: Page) -> None:
    await page.get_by_label("Номер").fill("8 999 000-00-01")
    await page.get_by_label("Имя").fill("Салон")
    await page.get_by_role("button", name="Создать").click()
    await expect(page.get_by_role("status")).to_contain_text(f"+{NUMBER}")
    await expect(page.get_by_label("Телефон", exact=True)).to_have_value(NUMBER)


async def test_impossible_number_is_explained(page: Page) -> None:
    await page.get_by_label("Номер").fill("123")
    await page.get_by_label("Имя").fill("Салон")
    await page.get_by_role("button", name="Создать").click()
    await expect(page.get_by_role("status")).to_have_text("В номере от 10 до 15 цифр")


async def test_one_click_scans_what_is_on_the_owners_screen(
    page: Page, control: ControlClient, service: Service
) -> None:
    scan = page.get_by_role("button", name="Сканировать QR", exact=True)
    await expect(scan).to_be_disabled()
    companion = CompanionClient(service.chat_port)
    async with companion.offer() as (session, qrs):
        await control.show_screen(qrs[0], "Салон 1001")
        await expect(page.get_by_text("На экране: Салон 1001")).to_be_visible()
        accepting = asyncio.create_task(companion.accept(session))
        await scan.click()
        await accepting
        await expect(page.get_by_role("status")).to_have_text("Привязано: Unknown (Test)")
    await expect(page.get_by_text("Устройство привязано")).to_be_visible()

    await page.get_by_role("button", name="Отвязать").click()
    await expect(page.get_by_text("Ничего не привязано")).to_be_visible()
    assert (await control.phone(NUMBER)).devices == []


async def test_of_two_screens_the_chosen_one_is_scanned(
    page: Page, control: ControlClient, service: Service
) -> None:
    which = page.get_by_label("Какой экран перед камерой")
    companion = CompanionClient(service.chat_port)
    async with companion.offer() as (session, qrs):
        await control.show_screen(qrs[0], "company_1001")
        await expect(page.get_by_text("На экране: company_1001")).to_be_visible()
        await expect(which).to_be_hidden()
        await control.show_screen("of another page", "company_1002")
        await expect(which).to_be_visible()
        await which.select_option("company_1001")
        await control.show_screen("renewed meanwhile", "company_1002")
        await expect(page.get_by_text("На экране: company_1001")).to_be_visible()
        accepting = asyncio.create_task(companion.accept(session))
        await page.get_by_role("button", name="Сканировать QR", exact=True).click()
        await accepting
    await expect(page.get_by_role("status")).to_have_text("Привязано: Unknown (Test)")


async def test_picture_and_text_of_a_qr_are_scanned(
    page: Page, control: ControlClient, service: Service
) -> None:
    await expect(page.get_by_label("Телефон", exact=True)).to_have_value(NUMBER)
    await page.get_by_text("QR текстом или картинкой").click()
    for by_picture in (True, False):
        companion = CompanionClient(service.chat_port)
        async with companion.offer() as (session, qrs):
            accepting = asyncio.create_task(companion.accept(session))
            if by_picture:
                picture = io.BytesIO()
                segno.make(qrs[0]).save(picture, kind="png", scale=4)
                file = FilePayload(name="qr.png", mimeType="image/png", buffer=picture.getvalue())
                await page.get_by_label("Картинка с QR-кодом").set_input_files(file)
            else:
                await page.get_by_label("Текст QR-кода").fill(qrs[0])
                await page.get_by_role("button", name="Сканировать текст").click()
            await accepting
    await expect(page.get_by_role("button", name="Отвязать")).to_have_count(2)
    assert len((await control.phone(NUMBER)).devices) == 2


async def test_code_nobody_asked_for_is_explained(page: Page, control: ControlClient) -> None:
    await expect(page.get_by_label("Телефон", exact=True)).to_have_value(NUMBER)
    await page.get_by_label("Код из 8 букв и цифр").fill("abcd-1234")
    await page.get_by_role("button", name="Привязать по коду").click()
    await expect(page.get_by_role("status")).to_have_text(
        "Для этого номера никто не запрашивал код"
    )
    assert (await control.stats()).pairings == 0


async def test_fault_is_switched_on_and_off(page: Page, control: ControlClient) -> None:
    await expect(page.get_by_label("Телефон", exact=True)).to_have_value(NUMBER)
    await page.get_by_label("Что случится").select_option("unavailable")
    await page.get_by_label("только один раз").check()
    await page.get_by_role("button", name="Включить").click()
    card = page.get_by_role("listitem").filter(has_text="Сервер занят (503)")
    await expect(card).to_be_visible()
    (fault,) = await control.faults()
    assert (fault.reason, fault.number, fault.times) == (503, NUMBER, 1)

    await card.get_by_role("button").click()
    await expect(card).to_have_count(0)
    assert await control.faults() == []


async def test_fits_a_narrow_screen(page: Page) -> None:
    await expect(page.get_by_role("heading", name="Телефон салона")).to_be_visible()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= NARROW["width"]


async def test_a_chat_read_on_the_phone_is_heard_by_its_devices(
    page: Page, control: ControlClient, service: Service
) -> None:
    read = page.get_by_role("button", name="Прочитать чат")
    await expect(read).to_be_disabled()
    companion = CompanionClient(service.chat_port)
    async with companion.offer() as (session, qrs), asyncio.TaskGroup() as group:
        group.create_task(control.scan(NUMBER, qrs[0]))
        await companion.accept(session)
    async with companion.connect(companion.login(NUMBER)) as device:
        assert [(await device.receive()).tag for _ in range(2)] == ["success", "ib"]
        await read.click()
        assert (await device.receive()).text("type") == "read-self"
        await expect(page.get_by_role("status")).to_have_text("Узнали устройств: 1")
