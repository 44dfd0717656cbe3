"""A salon's life as the YClients in the box tells it, and as it is found out when it does not."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
import pytest

from api_service.core.erasing import Erasing
from api_service.core.reconciliation import Reconciliation
from sandbox.services.loopback import NOBODY
from sandbox.yclients.control_client import YclientsControl
from sandbox.yclients.quirks import Operation, QuirkKind
from shared.company_id import SalonId, session_id_of
from shared.db import make_pool
from tests.support.api import PARTNER_TOKEN, RunningApi, api_settings, running_api
from tests.support.salon_rows import SalonRows
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import WhatsAppSide
from tests.support.yclients import (
    APPLICATION_ID,
    yclients,
    yclients_port_of_api,
    yclients_url,
)
from tests.support.yclients_parts import client_at

__all__ = ["yclients", "yclients_port_of_api", "yclients_url"]

SECRET = "hook-of-a-salon-0123456789"


@dataclass
class Town:
    api: RunningApi
    yclients: YclientsControl
    salons: SalonRows
    whatsapp: WhatsAppSide

    async def active(self, salon: int) -> None:
        """Here and there; news of its records go where the activation said."""
        await self.yclients.add_salon(salon)
        await self.yclients.connect(salon)
        async with httpx2.AsyncClient(
            base_url=self.yclients.url, verify=NOBODY, trust_env=False, timeout=PATIENCE_S
        ) as http:
            await http.post(
                "/marketplace/partner/callback/redirect",
                headers={
                    "Authorization": f"Bearer {PARTNER_TOKEN}",
                    "Accept": "application/vnd.yclients.v2+json",
                },
                json={
                    "salon_id": salon,
                    "application_id": APPLICATION_ID,
                    "api_key": "a-key",
                    "webhook_urls": [f"{self.api.url}/webhook/yclients/hook/{salon}/{SECRET}"],
                },
            )
        assert (await self.yclients.salon(salon)).status == "active"
        self.salons.add(salon, hook=SECRET)

    async def becomes(self, salon: int, status: str) -> None:
        await wait_until(
            lambda: (
                self.salons.status(salon) == status
                and set(self.salons.states(salon)) <= {"done", "recorded"}
            ),
            PATIENCE_S,
            f"{salon} is {status}, and nothing is left to do",
        )

    async def heard(self, number: int) -> None:
        """All copies have come: of a freeze, one that comes after the thaw is a new one."""

        async def come() -> bool:
            return len(await self.yclients.deliveries()) == number

        await wait_until(come, what=f"{number} notifications have come")

    def commands(self, salon: int) -> list[str]:
        session_id = session_id_of(SalonId(salon))
        return [each.type for each in self.whatsapp.commands if each.company_id == session_id]

    async def reconcile(self) -> None:
        """As some process does on the next day."""
        await self.salons.change("UPDATE marketplace_reconciliation SET due_at = now()")
        async with (
            make_pool(self.salons.database_url, 2, "test") as pool,
            client_at(self.yclients.url) as bench,
        ):
            await Reconciliation(pool, bench.client, lambda: None, pause_s=0.0).look()

    async def erase(self) -> None:
        """As some process does when the time of retention is over."""
        await self.salons.change(
            "UPDATE companies SET erase_due_at = now() WHERE erase_due_at IS NOT NULL"
        )
        async with make_pool(self.salons.database_url, 2, "test") as pool:
            await Erasing(pool)._look()


@pytest.fixture
async def town(
    database_url: str,
    redis_url: str,
    yclients: YclientsControl,
    yclients_port_of_api: int,
    whatsapp: WhatsAppSide,
) -> AsyncIterator[Town]:
    """Postgres may be slow: a copy that was kept would come after what undoes it."""
    whatsapp.reaction = whatsapp.result
    settings = api_settings(
        database_url,
        redis_url,
        yclients_url=yclients.url,
        api_port=yclients_port_of_api,
        webhook_patience_s=5.0,
    )
    async with running_api(settings) as api:
        yield Town(api, yclients, SalonRows(database_url), whatsapp)


async def test_told_of_everything(town: Town) -> None:
    """Frozen and paid for twice, its records change, uninstalled; all is delivered twice."""
    await town.active(2001)
    await town.yclients.deliver(copies=2)

    for already in (0, 4):
        await town.yclients.freeze(2001)
        await town.heard(already + 2)
        await town.becomes(2001, "frozen")
        await town.yclients.pay(2001)
        await town.heard(already + 4)
        await town.becomes(2001, "active")
    await town.yclients.send_entity(2001, "record", 555, "update", {"id": 555})
    await wait_until(lambda: town.salons.run("SELECT 1 FROM entity_hints"), PATIENCE_S)
    await town.yclients.uninstall(2001)
    await town.heard(12)
    await town.becomes(2001, "uninstalled")

    assert town.commands(2001) == ["freeze", "thaw"] * 2 + ["unlink", "thaw"]
    assert town.salons.history(2001) == [
        *("freeze_started", "frozen", "thaw_started", "thawed") * 2,
        *("uninstall_started", "credentials_deleted", "uninstalled"),
    ]
    assert {each.status for each in await town.yclients.deliveries()} == {200}


async def test_a_payment_that_nobody_told_of_is_asked_for(town: Town) -> None:
    await town.active(2002)
    await town.yclients.freeze(2002)
    await town.becomes(2002, "frozen")
    [row] = town.salons.run(
        "SELECT extract(epoch FROM thaw_check_at - now())::int AS s FROM companies"
    )
    await town.yclients.pay(2002, told=False)

    await town.salons.change("UPDATE companies SET thaw_check_at = now()")
    await town.becomes(2002, "active")

    assert 0 < row["s"] <= 60
    assert town.commands(2002) == ["freeze", "thaw"]
    assert town.salons.row(2002)["thaw_check_at"] is None


async def test_a_payment_of_which_yclients_knows_nothing_thaws_nothing(town: Town) -> None:
    await town.active(2003)
    await town.yclients.freeze(2003)
    await town.becomes(2003, "frozen")

    await town.yclients.send_lifecycle(2003, "payment", amount=990)
    await wait_until(lambda: len(town.salons.states(2003)) == 2, PATIENCE_S)
    await town.becomes(2003, "frozen")

    assert town.salons.history(2003)[-1] == "payment_received"
    assert town.commands(2003) == ["freeze"]


async def test_a_payment_is_tried_again_while_yclients_does_not_answer(town: Town) -> None:
    await town.active(2004)
    await town.yclients.freeze(2004)
    await town.becomes(2004, "frozen")
    await town.yclients.add_quirk(QuirkKind.INVALID, Operation.CONNECTION, times=1)

    await town.yclients.pay(2004)
    await wait_until(
        lambda: town.salons.webhooks(2004)[-1]["reason"] == "invalid", PATIENCE_S, "it has failed"
    )
    await town.salons.change(
        "UPDATE marketplace_webhooks SET due_at = now() WHERE state = 'queued'"
    )
    await town.becomes(2004, "active")


async def test_what_was_not_told_is_found_the_next_day(town: Town) -> None:
    for salon in (2010, 2011, 2012, 2013):
        await town.active(salon)
    await town.yclients.uninstall(2010, told=False)
    await town.yclients.freeze(2011, told=False)
    await town.yclients.add_quirk(
        QuirkKind.APPLICATION_UNKNOWN, Operation.CONNECTION, salon_id=2013, times=None
    )

    await town.reconcile()
    await town.becomes(2010, "uninstalled")
    await town.becomes(2011, "frozen")

    assert (town.salons.status(2012), town.salons.status(2013)) == ("active", "active")
    assert town.salons.history(2012) == town.salons.history(2013) == []
    assert town.salons.history(2010)[0] == "drift_found"


async def test_an_unknown_event_is_recorded_and_has_no_effect(town: Town) -> None:
    await town.active(2020)

    await town.yclients.send_lifecycle(2020, "celebrate", cake=True)
    await wait_until(lambda: town.salons.states(2020) == ["recorded"], PATIENCE_S)

    assert town.salons.status(2020) == "active"
    assert town.commands(2020) == []


async def test_the_data_of_a_salon_that_has_left_are_erased(town: Town) -> None:
    await town.active(2030)
    await town.yclients.send_entity(2030, "client", 7, "update", {"phone": 79990000003})
    await wait_until(lambda: town.salons.run("SELECT 1 FROM entity_hints"), PATIENCE_S)
    await town.yclients.uninstall(2030)
    await town.becomes(2030, "uninstalled")
    assert town.salons.row(2030)["marketplace_user_phone"] is not None

    await town.erase()

    assert town.salons.history(2030)[-1] == "data_erased"
    row = town.salons.row(2030)
    assert [row[name] for name in ("marketplace_user_phone", "whatsapp_phone", "erase_due_at")] == [
        None
    ] * 3
    assert town.salons.run("SELECT 1 FROM entity_hints") == []
    assert {str(webhook["payload"]) for webhook in town.salons.webhooks(2030)} == {"{}"}
