"""Activation against the YClients in the box: every quirk, and kill -9 at each step.

Salons with even ids are activated by the step machine, the others the simple way.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import pytest

from api_service.store.activations import CLAIM_S
from sandbox.yclients.connections import Status
from sandbox.yclients.control_client import YclientsControl
from sandbox.yclients.quirks import Operation, QuirkKind
from shared.company_id import SalonId, session_id_of
from tests.support.api_process import ApiProcess
from tests.support.processes import Starter
from tests.support.row_stops import RowStops, row_stops
from tests.support.salons import Salons
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import WhatsAppSide, whatsapp_side

pytestmark = pytest.mark.timeout(300)

PHONE: Final = "79990000001"
PATIENT: Final = "&options=-c%20statement_timeout%3D120000"
"""A statement that a test has stopped is not given up."""

HALF: Final = 50
STEP_MACHINE, SIMPLE = range(2)
"""Remainders: which way a salon goes, when half of a hundred are rolled out."""


@dataclass
class Marketplace:
    api: ApiProcess
    yclients: YclientsControl
    whatsapp: WhatsAppSide
    salons: Salons
    ids: list[int] = field(default_factory=list)

    async def register(self, mode: int) -> int:
        """A salon that YClients waits for, activated that way once it is linked."""
        number = 100 * (1 + len(self.ids)) + (0 if mode == STEP_MACHINE else HALF)
        self.ids.append(number)
        await self.yclients.add_salon(number)
        await self.yclients.connect(number)
        self.salons.register(number)
        return number

    async def link(self, *salon_ids: int) -> None:
        for salon_id in salon_ids:
            await self.whatsapp.connected(session_id_of(SalonId(salon_id)), PHONE)

    async def all_have(self, status: str, salon_ids: list[int], timeout_s: float = 60) -> None:
        def others() -> dict[int, str]:
            now = self.salons.statuses()
            return {each: now[each] for each in salon_ids if now[each] != status}

        try:
            await wait_until(lambda: not others(), timeout_s)
        except TimeoutError:
            pytest.fail(f"not {status}: {others()}\n{self.api.process.log[-3000:]}")

    async def first_end(self, salon_id: int) -> tuple[str, dict[str, Any]]:
        """Of the salon's first attempt: the event's type and its data."""
        ended = await wait_until(lambda: self.salons.events(salon_id, *ENDS), 60)
        return ended[0]

    async def assert_active_once(self, salon_id: int) -> None:
        there = await self.yclients.salon(salon_id)
        assert (there.status, there.callbacks) == (Status.ACTIVE, 1), salon_id
        assert there.api_key == self.salons.api_key(salon_id) is not None, salon_id
        assert there.webhook_urls[0].startswith("https://connect.example.com/webhook/"), salon_id


@pytest.fixture
async def marketplace(
    start_process: Starter, database_url: str, redis_url: str, yclients_url: str, api_port: int
) -> AsyncIterator[Marketplace]:
    world = {"DATABASE_URL": f"{database_url}{PATIENT}", "REDIS_URL": redis_url}
    api = ApiProcess.beside(world, start_process)
    api.environment |= {
        "API_PORT": str(api_port),
        "YCLIENTS_URL": yclients_url,
        "PUBLIC_URL": "https://connect.example.com",
        "USE_TRANSACTION_ACTIVATION": "true",
        "ACTIVATION_ROLLOUT_PERCENT": str(HALF),
        "DATABASE_POOL_SIZE": "40",
        "YCLIENTS_CALLS_PER_SECOND": "5",
        "YCLIENTS_CALLS_PER_MINUTE": "200",
        "YCLIENTS_BREAKER_FAILURES": "1000",
    }
    async with YclientsControl(yclients_url) as control, whatsapp_side(redis_url) as whatsapp:
        yield Marketplace(api, control, whatsapp, Salons(database_url))


@dataclass(frozen=True)
class Trouble:
    """``ends``: how the first attempt ends. ``keeps``: whether the key is kept then."""

    operation: Operation
    kind: QuirkKind
    times: int
    ends: str = "activation_completed"
    keeps: bool = True
    applied: bool = False


ENDS: Final = ("activation_completed", "activation_pending", "activation_failed")
TROUBLES: Final = (
    Trouble(Operation.ACTIVATE, QuirkKind.HTML, 1, applied=True),
    Trouble(Operation.ACTIVATE, QuirkKind.ALREADY_INSTALLED, 1, applied=True),
    Trouble(
        Operation.ACTIVATE, QuirkKind.APPLICATION_UNKNOWN, 1, "activation_pending", keeps=False
    ),
    Trouble(Operation.ACTIVATE, QuirkKind.NOT_INSTALLED, 1, "activation_pending", keeps=False),
    Trouble(Operation.ACTIVATE, QuirkKind.TOO_MANY, 1, "activation_pending", keeps=False),
    Trouble(Operation.ACTIVATE, QuirkKind.INVALID, 1, "activation_failed", keeps=False),
    Trouble(Operation.ACTIVATE, QuirkKind.SECOND_ENVELOPE, 1, "activation_failed", keeps=False),
    Trouble(Operation.ACTIVATE, QuirkKind.SUCCESS_FALSE, 1, "activation_pending"),
    Trouble(Operation.ACTIVATE, QuirkKind.SERVER_ERROR, 1),
    Trouble(Operation.ACTIVATE, QuirkKind.BAD_GATEWAY, 1, applied=True),
    Trouble(Operation.ACTIVATE, QuirkKind.UNAVAILABLE, 2, "activation_pending"),
    Trouble(Operation.ACTIVATE, QuirkKind.RESET, 1, applied=True),
    Trouble(Operation.ACTIVATE, QuirkKind.RESET, 1),
    Trouble(Operation.ACTIVATE, QuirkKind.HANG, 1, applied=True),
    Trouble(Operation.ACTIVATE, QuirkKind.HANG, 1),
    Trouble(Operation.CONNECTION, QuirkKind.HTML, 1),
    Trouble(Operation.CONNECTION, QuirkKind.NOT_INSTALLED, 1),
    Trouble(Operation.CONNECTION, QuirkKind.BAD_GATEWAY, 1),
)


async def test_whatever_yclients_does_every_salon_ends_active(marketplace: Marketplace) -> None:
    """A call lasts as long as its turn may take in this crowd, so that only hanging ones end."""
    marketplace.api.environment["YCLIENTS_CALL_S"] = "25"
    marketplace.api.start()
    salons = {
        await marketplace.register(number % 2): trouble for number, trouble in enumerate(TROUBLES)
    }
    for salon_id, trouble in salons.items():
        await marketplace.yclients.add_quirk(
            trouble.kind,
            trouble.operation,
            salon_id=salon_id,
            times=trouble.times,
            applied=trouble.applied,
        )

    await marketplace.link(*salons)

    for salon_id, trouble in salons.items():
        kind, data = await marketplace.first_end(salon_id)
        assert (kind, data["key_kept"]) == (trouble.ends, trouble.keeps), trouble
    marketplace.salons.time_passes()
    await marketplace.all_have("active", list(salons))
    for salon_id in salons:
        await marketplace.assert_active_once(salon_id)
        assert marketplace.salons.history(salon_id)[-1] == "activation_completed"
        assert marketplace.salons.row(salon_id)["activation_failures"] == 0


UPDATES: Final = {
    "claimed": "NEW.activation_claim IS DISTINCT FROM OLD.activation_claim"
    " AND NEW.activation_claim IS NOT NULL",
    "marked as sent": "OLD.activation_sent_at IS NULL AND NEW.activation_sent_at IS NOT NULL",
    "settled": "NEW.integration_status = 'active'",
}
EVENTS: Final = ("activation_started", "activation_sent", "activation_completed")
HANGS: Final = (
    (Operation.ACTIVATE, False),
    (Operation.ACTIVATE, True),
    (Operation.CONNECTION, False),
)


async def test_a_process_that_is_killed_at_any_step_leaves_nothing_undone(
    marketplace: Marketplace,
) -> None:
    marketplace.api.start()
    refused: list[int] = []
    with row_stops(marketplace.salons.database_url) as stops:
        for mode in (STEP_MACHINE, SIMPLE):
            await _stop_at_each_step(marketplace, stops, mode)
            refused.append(await _refused(marketplace, stops, mode))
        await marketplace.link(*marketplace.ids)
        await _all_stand_still(marketplace, stops)
        marketplace.api.kill()
        stops.cut_off()
    claims_end = "SELECT max(activation_due_at) - now() AS after FROM companies"
    assert marketplace.salons.run(claims_end)[0]["after"] <= timedelta(seconds=CLAIM_S)
    marketplace.salons.time_passes()
    for operation in (Operation.ACTIVATE, Operation.CONNECTION):
        assert await marketplace.yclients.calls(operation)
    await marketplace.yclients.clear_quirks()
    for salon_id in refused:
        await _refuse(marketplace, salon_id)

    marketplace.api.start()

    healthy = [each for each in marketplace.ids if each not in refused]
    await marketplace.all_have("active", healthy)
    await marketplace.all_have("activation_failed", refused)
    for salon_id in healthy:
        await marketplace.assert_active_once(salon_id)
        assert marketplace.salons.history(salon_id)[-1] == "activation_completed", salon_id
    for salon_id in refused:
        assert marketplace.salons.api_key(salon_id) is None
        assert marketplace.salons.history(salon_id)[-1] == "activation_failed"
    assert "Traceback" not in marketplace.api.process.log


async def _stop_at_each_step(marketplace: Marketplace, stops: RowStops, mode: int) -> None:
    for condition in UPDATES.values():
        salon_id = await marketplace.register(mode)
        stops.on_update("companies", f"{condition} AND NEW.yclients_id = {salon_id}")
    for event in EVENTS:
        salon_id = await marketplace.register(mode)
        stops.on_insert(
            "marketplace_events", f"NEW.event_type = '{event}' AND NEW.salon_id = {salon_id}"
        )
    for operation, applied in HANGS:
        salon_id = await marketplace.register(mode)
        await marketplace.yclients.add_quirk(
            QuirkKind.HANG, operation, salon_id=salon_id, times=None, applied=applied
        )


async def _refused(marketplace: Marketplace, stops: RowStops, mode: int) -> int:
    """A salon that YClients refuses, stopped when that is to be written."""
    salon_id = await marketplace.register(mode)
    await _refuse(marketplace, salon_id)
    condition = f"NEW.integration_status = 'activation_failed' AND NEW.yclients_id = {salon_id}"
    stops.on_update("companies", condition)
    return salon_id


async def _refuse(marketplace: Marketplace, salon_id: int) -> None:
    await marketplace.yclients.add_quirk(
        QuirkKind.INVALID, Operation.ACTIVATE, salon_id=salon_id, times=None
    )


async def _all_stand_still(marketplace: Marketplace, stops: RowStops) -> None:
    hanging = 2 * len(HANGS)
    stopped = len(marketplace.ids) - hanging

    async def still() -> bool:
        calls = await marketplace.yclients.calls()
        struck = {call.salon_id for call in calls if call.quirk == QuirkKind.HANG}
        return stops.stopped == stopped and len(struck) == hanging

    await wait_until(still, 60, "every salon stands still at its step")


DEATHS: Final = 3


async def test_an_attempt_that_ends_its_process_each_time_is_put_off(
    marketplace: Marketplace,
) -> None:
    deadly = await marketplace.register(STEP_MACHINE)
    with row_stops(marketplace.salons.database_url) as stops:
        stops.on_update("companies", f"{UPDATES['marked as sent']} AND NEW.yclients_id = {deadly}")
        await marketplace.link(deadly)
        for _ in range(DEATHS):
            marketplace.api.start()
            await wait_until(lambda: stops.stopped, 30, "its attempt is where it dies")
            marketplace.api.kill()
            stops.cut_off()
            marketplace.salons.time_passes()
        marketplace.api.start()
        await marketplace.all_have("activation_pending", [deadly])
        row = marketplace.salons.row(deadly)
        assert (row["activation_reason"], row["activation_failures"]) == ("interrupted", 1)
        assert not stops.stopped
    assert await marketplace.yclients.calls(Operation.ACTIVATE) == []

    marketplace.salons.time_passes()

    await marketplace.all_have("active", [deadly])
    await marketplace.assert_active_once(deadly)
