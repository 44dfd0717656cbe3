"""Notifications of YClients: sent, carried out, and what a test asks about them."""

from typing import Any

import pytest

from api_service.core import entity_hooks, kept_later, webhook_intake, webhook_queue
from api_service.incoming_parts import CollectLimit
from api_service.settings import ApiSettings
from shared.company_id import SalonId, session_id_of
from tests.support.api import RunningApi, api_settings
from tests.support.salon_rows import SalonRows
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import WhatsAppSide

SALON = 1001
SESSION = session_id_of(SalonId(SALON))


@pytest.fixture
def settings(
    request: pytest.FixtureRequest,
    database_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> ApiSettings:
    """Patient on a busy machine, but with Postgres where it is to hang; looks often."""
    for module in (webhook_queue, kept_later):
        monkeypatch.setattr(module, "LOOK_EVERY_S", 0.2)
    for module in (webhook_intake, entity_hooks):
        monkeypatch.setattr(module, "KEEP_S", PATIENCE_S)
    monkeypatch.setattr(CollectLimit, "PATIENCE_S", PATIENCE_S)
    patience_s = getattr(request, "param", 5.0)
    return api_settings(database_url, redis_url, webhook_patience_s=patience_s)


@pytest.fixture
def salons(database_url: str) -> SalonRows:
    rows = SalonRows(database_url)
    rows.add(SALON)
    return rows


@pytest.fixture
def obedient(whatsapp: WhatsAppSide) -> WhatsAppSide:
    """Every command is carried out."""
    whatsapp.reaction = whatsapp.result
    return whatsapp


async def send(api: RunningApi, body: Any) -> dict[str, Any]:
    answer = await api.http.post("/webhook/yclients", json=body)
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


async def all_done(salons: SalonRows, salon: int = SALON) -> None:
    await wait_until(
        lambda: (states := salons.states(salon)) and set(states) <= {"done", "recorded"},
        what="every notification is done",
    )


def kinds(whatsapp: WhatsAppSide) -> list[str]:
    return [command.type for command in whatsapp.commands]
