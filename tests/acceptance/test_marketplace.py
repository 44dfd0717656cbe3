"""A salon's whole life in the marketplace: both processes, real library, phones, YClients."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import pytest

from sandbox.yclients.connections import Status
from sandbox.yclients.control_client import YclientsControl
from shared.company_id import SessionId
from shared.messages.status import SessionStatus
from tests.acceptance.conftest import WhatsApp
from tests.support.api_process import ApiProcess
from tests.support.page import Page, open_page
from tests.support.processes import Starter
from tests.support.salons import Salons
from tests.support.waiting import wait_until
from tests.support.yclients import press_connect

pytestmark = pytest.mark.timeout(300)

SALON: Final = 1001
SESSION: Final = SessionId("company_1001")
PHONE: Final = "79990000001"
PATIENCE_S: Final = 40.0


@dataclass(frozen=True)
class Life:
    whatsapp: WhatsApp
    api: ApiProcess
    yclients: YclientsControl
    salons: Salons

    async def press_connect(self) -> str:
        return await press_connect(self.yclients, SALON)

    async def becomes(self, status: str) -> None:
        """Here and in YClients."""
        theirs = {"active": Status.ACTIVE, "frozen": Status.FREEZED}.get(status, Status.UNINSTALLED)
        await self._wait(lambda: self.salons.statuses() == {SALON: status}, status)
        assert (await self.yclients.salon(SALON)).status is theirs

    async def session_becomes(self, status: SessionStatus) -> None:
        async def there() -> bool:
            snapshot = (await self.whatsapp.bus.present_state(SESSION)).snapshot
            return snapshot is not None and snapshot.status is status

        await wait_until(there, PATIENCE_S, f"the session is {status}")

    async def ends_in_history(self, event: str) -> None:
        await self._wait(lambda: self.salons.history(SALON)[-1] == event, event)

    async def devices(self) -> int:
        return len((await self.whatsapp.phones.phone(PHONE)).devices)

    def devices_left_here(self) -> int:
        """Credentials, and rows of sessions that are linked."""
        [row] = self.salons.run(
            "SELECT (SELECT count(*) FROM whatsmeow_device)"
            " + (SELECT count(*) FROM whatsapp_sessions WHERE jid IS NOT NULL) AS left"
        )
        return int(row["left"])

    async def _wait(self, predicate: Callable[[], bool], what: str) -> None:
        try:
            await wait_until(predicate, PATIENCE_S)
        except TimeoutError:
            history = self.salons.history(SALON)
            pytest.fail(f"not {what}: {self.salons.row(SALON)}, {history}\n{self.api.process.log}")


@pytest.fixture
async def life(
    whatsapp: WhatsApp,
    start_process: Starter,
    database_url: str,
    yclients_url: str,
    api_port: int,
) -> AsyncIterator[Life]:
    api = ApiProcess.beside(whatsapp.environment, start_process)
    api.environment |= {
        "API_PORT": str(api_port),
        "YCLIENTS_URL": yclients_url,
        "PUBLIC_URL": f"http://127.0.0.1:{api_port}",
        "USE_TRANSACTION_ACTIVATION": "true",
    }
    api.start()
    async with YclientsControl(yclients_url) as control:
        await control.add_salon(SALON, "Салон «Проба»")
        await whatsapp.phones.create_phone(PHONE)
        yield Life(whatsapp, api, control, Salons(database_url))
    assert "79990000" not in api.process.log
    assert "Traceback" not in api.process.log


async def scan(page: Page, whatsapp: WhatsApp) -> None:
    await page.ask("request-qr")
    qr = await page.next("qr-update")
    await whatsapp.phones.scan(PHONE, qr["qr"])


async def test_connected_frozen_paid_uninstalled_and_connected_again(life: Life) -> None:
    whatsapp = life.whatsapp
    async with open_page(life.api.url, await life.press_connect()) as page:
        await scan(page, whatsapp)
    # The tab was closed right after the scan: nobody but the server is left to activate.
    await life.becomes("active")
    await life.session_becomes(SessionStatus.CONNECTED)
    there = await life.yclients.salon(SALON)
    assert (there.callbacks, there.api_key) == (1, life.salons.api_key(SALON))

    async with open_page(life.api.url, await life.press_connect()) as page:
        assert (await page.next("status"))["status"] == "connected"
        assert (await page.next("activation"))["status"] == "active"

        await life.yclients.send_entity(SALON, "record", 555, "update", {"id": 555})
        await wait_until(lambda: life.salons.run("SELECT 1 FROM entity_hints"), PATIENCE_S)

        await life.yclients.freeze(SALON)
        await life.becomes("frozen")
        await life.session_becomes(SessionStatus.FROZEN)
        assert await life.devices() == 1
        assert life.salons.api_key(SALON) is not None
        await wait_until(lambda: page.all("status")[-1]["status"] == "frozen", PATIENCE_S)

        await life.yclients.pay(SALON)
        await life.becomes("active")
        await life.session_becomes(SessionStatus.CONNECTED)
        assert (await whatsapp.phones.stats()).pairings == 1

        await life.yclients.uninstall(SALON)
        await life.becomes("uninstalled")
        await life.ends_in_history("uninstalled")
        await wait_until(lambda: page.all("status")[-1]["status"] == "logged_out", PATIENCE_S)
        await nothing_is_left(life)
        await page.ask("request-qr")
        assert (await page.next("error"))["code"] == "REGISTRATION_NOT_FOUND"

    async with open_page(life.api.url, await life.press_connect()) as page:
        await scan(page, whatsapp)
        await wait_until(
            lambda: [told["status"] for told in page.all("activation")][-1:] == ["active"],
            PATIENCE_S,
        )
    await life.becomes("active")
    assert life.salons.row(SALON)["installation"] == 2

    await life.yclients.uninstall(SALON)
    await life.becomes("uninstalled")
    await wait_until(lambda: life.salons.history(SALON).count("uninstalled") == 2, PATIENCE_S)
    await nothing_is_left(life)


async def nothing_is_left(life: Life) -> None:
    """Neither a key, nor credentials, nor a device on the phone.

    A page is told that its session has ended a moment before its row is written.
    """
    await wait_until(lambda: life.devices_left_here() == 0, PATIENCE_S)
    assert await life.devices() == 0
    row = life.salons.row(SALON)
    assert (row["api_key"], row["webhook_secret"]) == (None, None)
    assert not row["whatsapp_connected"]
