"""A call of an installation that has passed arrives late: the new installation has what it brought.

YClients knows a salon and no installation, so a call that was held up on its way completes whatever
connection waits then. The YClients in the box, real Postgres, both ways of keeping books.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import pytest

from api_service.core.erasing import Erasing
from sandbox.yclients.connections import Status
from sandbox.yclients.control_client import YclientsControl
from sandbox.yclients.quirks import Operation, QuirkKind
from shared.company_id import SalonId, session_id_of
from shared.db import make_pool
from shared.messages.status import SessionStatus
from tests.support.api import RunningApi, api_settings, running_api
from tests.support.salon_rows import SalonRows
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import WhatsAppSide
from tests.support.yclients import press_connect, yclients, yclients_port_of_api, yclients_url

__all__ = ["yclients", "yclients_port_of_api", "yclients_url"]

SALON: Final = 1001
SESSION: Final = session_id_of(SalonId(SALON))
PHONE: Final = "79990000001"
GIVEN_UP_S: Final = 6.0
OLD_DOUBT: Final = """
UPDATE companies SET doubtful_api_key = 'old', doubtful_webhook_secret = 'old',
    doubtful_until = now() - interval '1 second'
"""


@dataclass
class Town:
    api: RunningApi
    yclients: YclientsControl
    salons: SalonRows
    whatsapp: WhatsAppSide

    async def connect(self) -> None:
        """The owner presses «Подключить» in YClients, and its page opens."""
        await press_connect(self.yclients, SALON)

    async def link(self) -> None:
        await self.whatsapp.connected(SESSION, PHONE)

    async def uninstall(self) -> None:
        """The owner takes the application out, and its WhatsApp is unlinked."""
        await self.yclients.uninstall(SALON)
        await self.becomes("uninstalled")
        await self.whatsapp.status(SESSION, SessionStatus.IDLE)

    async def becomes(self, status: str) -> None:
        await wait_until(lambda: self.salons.status(SALON) == status, PATIENCE_S, status)

    async def calls_are(self, number: int) -> None:
        async def made() -> bool:
            return len(await self.yclients.calls(Operation.ACTIVATE)) == number

        await wait_until(made, PATIENCE_S, f"{number} activations were sent")

    async def has_the_key_that_is_here(self) -> None:
        there = await self.yclients.salon(SALON)
        assert (there.status, there.callbacks) == (Status.ACTIVE, 1)
        assert there.api_key == self.salons.api_key(SALON) is not None
        assert there.webhook_urls[0].endswith(f"/{self.salons.webhook_secret(SALON)}")

    def doubts(self) -> list[object]:
        row = self.salons.row(SALON)
        return [row[f"doubtful_{name}"] for name in ("api_key", "webhook_secret", "until")]


@pytest.fixture
def call_s() -> float:
    """As in production: what waits on the wire is not given up, and not sent a second time."""
    return 30.0


@pytest.fixture(params=[True, False], ids=["step machine", "simple"])
async def town(
    request: pytest.FixtureRequest,
    *,
    call_s: float,
    database_url: str,
    redis_url: str,
    yclients: YclientsControl,
    yclients_port_of_api: int,
    whatsapp: WhatsAppSide,
) -> AsyncIterator[Town]:
    settings = api_settings(
        database_url,
        redis_url,
        yclients_url=yclients.url,
        api_port=yclients_port_of_api,
        yclients_call_s=call_s,
        webhook_patience_s=5.0,
        use_transaction_activation=request.param,
    )
    whatsapp.reaction = whatsapp.result
    await yclients.reset(salons=True)
    await yclients.add_salon(SALON)
    async with running_api(settings) as api:
        yield Town(api, yclients, SalonRows(database_url), whatsapp)
        await yclients.clear_quirks()


async def test_a_call_on_the_wire_decides_nothing_for_the_next_installation(town: Town) -> None:
    await town.yclients.add_quirk(QuirkKind.HELD, Operation.ACTIVATE, salon_id=SALON)
    await town.connect()
    await town.link()
    await town.calls_are(1)
    await town.uninstall()
    assert (town.salons.row(SALON)["api_key"], town.salons.row(SALON)["webhook_secret"]) == (
        None,
        None,
    )
    await town.connect()

    await town.yclients.clear_quirks()  # the first call is carried out now
    await _arrived(town)
    await town.link()

    await town.becomes("active")
    await town.has_the_key_that_is_here()
    assert town.salons.row(SALON)["installation"] == 2
    ended = town.salons.events(SALON, "activation_started", "activation_completed")
    assert [kind for kind, _ in ended][-2:] == ["activation_started", "activation_completed"]
    assert (ended[-2][1]["installation"], ended[-2][1]["in_doubt"]) == (2, True)
    assert sum(kind == "activation_completed" for kind, _ in ended) == 1


@pytest.mark.parametrize("call_s", [GIVEN_UP_S])
async def test_a_call_that_was_given_up_is_in_doubt_after_yclients_knows_no_salon(
    town: Town,
) -> None:
    """The news of the uninstall have not come: only the status says that the salon is gone."""
    await town.yclients.add_quirk(QuirkKind.HELD, Operation.ACTIVATE, salon_id=SALON)
    await town.connect()
    await town.link()
    await town.calls_are(1)
    await town.yclients.deliver(copies=0)
    await town.yclients.uninstall(SALON)
    await town.becomes("activation_pending")
    assert town.salons.row(SALON)["activation_reason"] == "not_installed"

    await town.yclients.connect(SALON)
    await town.yclients.clear_quirks()
    await _arrived(town)
    await asyncio.to_thread(town.salons.time_passes)

    await town.becomes("active")
    await town.has_the_key_that_is_here()


async def test_what_a_call_carried_is_forgotten_when_it_can_no_longer_arrive(town: Town) -> None:
    await town.connect()
    await town.link()
    await town.becomes("active")
    assert town.doubts() == [None, None, None]  # it was answered

    await town.uninstall()
    await town.salons.change(OLD_DOUBT)
    await town.connect()
    await town.link()
    await town.becomes("active")

    there = await town.yclients.salon(SALON)
    assert there.api_key == town.salons.api_key(SALON) not in {None, "old"}
    await town.salons.change(OLD_DOUBT)
    async with make_pool(town.salons.database_url, 2, "test") as pool:
        await Erasing(pool)._look()
    assert town.doubts() == [None, None, None]


async def _arrived(town: Town) -> None:
    async def active() -> bool:
        return (await town.yclients.salon(SALON)).status is Status.ACTIVE

    await wait_until(active, PATIENCE_S, "the late call has completed the connection")
