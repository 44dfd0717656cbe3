"""An uninstall of a salon that has come back: a late copy of the last one, or a new one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from api_service.core import uninstalling, webhook_queue
from tests.support.api import RunningApi, api_settings, running_api
from tests.support.salon_rows import SalonRows, lifecycle
from tests.support.scripted_yclients import (
    Script,
    ScriptedYclients,
    answer,
    refusal,
    scripted_yclients,
    success,
)
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import WhatsAppSide

SALON = 1001


def connection(status: str) -> Script:
    return success({"connection_status": {"status": status}, "payments": [], "logs": []})


@dataclass
class Place:
    api: RunningApi
    yclients: ScriptedYclients
    salons: SalonRows

    async def uninstall(self) -> None:
        told = await self.api.http.post("/webhook/yclients", json=lifecycle(SALON, "uninstall"))
        assert "skipped" not in told.json()

    async def tried_again_until(self, state: str) -> None:
        """Without the pauses between two tries; what is being tried is left alone."""

        def there() -> bool:
            self.salons.run(
                "UPDATE marketplace_webhooks SET due_at = now()"
                " WHERE state = 'queued' AND claim IS NULL"
            )
            return self.salons.states(SALON) == [state]

        await wait_until(there, what=state)


@pytest.fixture
async def place(
    database_url: str,
    redis_url: str,
    whatsapp: WhatsAppSide,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Place]:
    """The salon was here before. Whatever is due is found at once.

    Postgres and YClients may be slow, on a busy machine.
    """
    monkeypatch.setattr(webhook_queue, "LOOK_EVERY_S", 0.2)
    monkeypatch.setattr(uninstalling, "ASK_S", PATIENCE_S)
    whatsapp.reaction = whatsapp.result
    salons = SalonRows(database_url)
    salons.add(SALON)
    salons.run("UPDATE companies SET installation = 2")
    async with scripted_yclients() as yclients:
        settings = api_settings(
            database_url, redis_url, yclients_url=yclients.url, webhook_patience_s=5.0
        )
        async with running_api(settings) as api:
            yield Place(api, yclients, salons)


@pytest.mark.parametrize("status", ["active", "pending", "freezed"])
async def test_a_salon_that_is_connected_for_yclients_stays(
    place: Place, whatsapp: WhatsAppSide, status: str
) -> None:
    place.yclients.will(connection(status))

    await place.uninstall()
    await place.tried_again_until("done")

    [webhook] = place.salons.webhooks(SALON)
    assert (webhook["reason"], webhook["attempts"]) == ("still_connected", 4)
    assert (place.salons.status(SALON), whatsapp.commands) == ("active", [])
    assert place.salons.row(SALON)["api_key"] is not None
    assert place.salons.history(SALON) == ["webhook_without_effect"]


@pytest.mark.parametrize(
    "script",
    [
        [refusal(404, "Нет")],
        [connection("uninstalled")],
        [connection("a new word")],
        [answer(503)],
        [connection("active"), connection("active"), refusal(404, "Нет")],
    ],
    ids=["gone", "uninstalled", "unknown", "away", "late"],
)
async def test_without_that_word_it_is_uninstalled(place: Place, script: list[Script]) -> None:
    place.yclients.will(*script)

    await place.uninstall()
    await place.tried_again_until("done")

    assert place.salons.status(SALON) == "uninstalled"
    assert place.salons.row(SALON)["api_key"] is None


async def test_a_salon_that_was_never_here_before_is_not_asked_about(place: Place) -> None:
    place.salons.run("UPDATE companies SET installation = 1")
    place.yclients.will(connection("active"))

    await place.uninstall()
    await place.tried_again_until("done")

    assert (place.salons.status(SALON), place.yclients.asked) == ("uninstalled", [])
