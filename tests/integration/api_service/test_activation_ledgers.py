"""Who may work on a salon's activation, and what is written of it: both ledgers, real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from api_service.store.activations import (
    Claim,
    FreshSecrets,
    IntegrationStatus,
    NewLink,
    Settlement,
    due_activations,
    note_connected,
    note_logged_out,
    read_activation,
    waiting_for_whatsapp,
)
from api_service.store.ledgers import Ledger, SimpleLedger, TransactionLedger
from shared.company_id import SalonId
from shared.db import Pool, make_pool
from tests.support.salons import Salons

SALON = SalonId(1001)
PHONE = "79990000001"
FRESH = FreshSecrets("sealed key", "sealed secret")
ACTIVE = Settlement(IntegrationStatus.ACTIVE, None, None, failures=0, may_be_sent=True)
DUE = NewLink(due=True, status=IntegrationStatus.PENDING_WHATSAPP)
SETTLED = NewLink(due=False, status=IntegrationStatus.ACTIVE)
FAILED = Settlement(
    IntegrationStatus.ACTIVATION_FAILED, "invalid", 60.0, failures=1, may_be_sent=False
)


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with make_pool(database_url, 8, "test") as opened:
        yield opened


@pytest.fixture(params=[TransactionLedger, SimpleLedger])
def ledger(request: pytest.FixtureRequest, pool: Pool) -> Ledger:
    made: Ledger = request.param(pool)
    return made


@pytest.fixture
def salon(database_url: str) -> SalonId:
    """Registered and linked: due."""
    Salons(database_url).run(
        "INSERT INTO companies (yclients_id, integration_status, whatsapp_connected,"
        " activation_due_at, installation) VALUES (%s, 'pending_whatsapp', true, now(), 1)",
        SALON,
    )
    return SALON


def row(database_url: str) -> dict[str, Any]:
    [only] = Salons(database_url).run("SELECT * FROM companies")
    return only


def history(database_url: str) -> list[str]:
    events = Salons(database_url).run("SELECT event_type FROM marketplace_events ORDER BY id")
    return [event["event_type"] for event in events]


async def claimed(ledger: Ledger, salon: SalonId) -> Claim:
    claim = await ledger.claim(salon, FRESH)
    assert claim is not None
    return claim


async def test_of_many_at_once_one_gets_the_claim(ledger: Ledger, salon: SalonId) -> None:
    claims = await asyncio.gather(*(ledger.claim(salon, FRESH) for _ in range(30)))

    assert sum(claim is not None for claim in claims) == 1


async def test_a_claim_holds_until_it_ends(
    ledger: Ledger, salon: SalonId, database_url: str
) -> None:
    first = await claimed(ledger, salon)
    assert await ledger.claim(salon, FRESH) is None
    Salons(database_url).run("UPDATE companies SET activation_due_at = now() - interval '1 second'")

    second = await claimed(ledger, salon)

    assert second.status_before is IntegrationStatus.ACTIVATING
    assert not await ledger.renew(first)
    assert not await ledger.mark_sent(first)
    assert not await ledger.settle(first, ACTIVE)
    assert await ledger.renew(second)
    assert row(database_url)["integration_status"] == "activating"


async def test_the_steps_of_a_success_are_written(
    ledger: Ledger, salon: SalonId, database_url: str
) -> None:
    claim = await claimed(ledger, salon)
    assert await ledger.mark_sent(claim)
    during = row(database_url)
    assert await ledger.settle(claim, ACTIVE)

    assert (during["integration_status"], during["api_key"]) == ("activating", "sealed key")
    assert during["activation_sent_at"] is not None
    after = row(database_url)
    assert (after["integration_status"], after["api_key"]) == ("active", "sealed key")
    assert after["connected_at"] is not None
    assert [after[f"activation_{name}"] for name in ("due_at", "claim", "sent_at", "reason")] == [
        None
    ] * 4
    assert history(database_url) == [
        "activation_started",
        "activation_sent",
        "activation_completed",
    ]
    modes = Salons(database_url).run(
        "SELECT event_data->>'activation_mode' AS mode FROM marketplace_events"
    )
    assert {each["mode"] for each in modes} == {ledger.mode}


async def test_a_failure_leaves_no_key_and_a_next_time(
    ledger: Ledger, salon: SalonId, database_url: str
) -> None:
    claim = await claimed(ledger, salon)
    await ledger.mark_sent(claim)

    assert await ledger.settle(claim, FAILED)

    after = row(database_url)
    assert (after["integration_status"], after["api_key"]) == ("activation_failed", None)
    assert (after["activation_sent_at"], after["activation_failures"]) == (None, 1)
    assert after["activation_reason"] == "invalid"
    assert history(database_url)[-1] == "activation_failed"
    assert await ledger.claim(salon, FRESH) is None
    Salons(database_url).run("UPDATE companies SET activation_due_at = now()")
    assert (await claimed(ledger, salon)).failures == 1


async def test_what_may_have_arrived_is_known_to_the_next_claim(
    ledger: Ledger, salon: SalonId, database_url: str
) -> None:
    claim = await claimed(ledger, salon)
    await ledger.mark_sent(claim)
    Salons(database_url).run("UPDATE companies SET activation_due_at = now()")

    taken_over = await ledger.claim(salon, FreshSecrets("another key", "another secret"))

    assert taken_over is not None
    assert taken_over.sent
    assert (taken_over.api_key, taken_over.webhook_secret) == ("sealed key", "sealed secret")


async def test_an_uninstalled_salon_takes_the_claim_away(
    ledger: Ledger, salon: SalonId, database_url: str
) -> None:
    claim = await claimed(ledger, salon)
    Salons(database_url).run(
        "UPDATE companies SET integration_status = 'uninstalled', api_key = NULL"
    )

    assert not await ledger.mark_sent(claim)
    assert not await ledger.settle(claim, ACTIVE)

    after = row(database_url)
    assert (after["integration_status"], after["api_key"]) == ("uninstalled", None)
    assert history(database_url)[-1] == "activation_abandoned"
    assert await ledger.claim(salon, FRESH) is None


@pytest.mark.parametrize("status", ["active", "frozen", "uninstalled"])
async def test_a_salon_that_is_not_to_be_activated_is_not_claimed(
    ledger: Ledger, salon: SalonId, database_url: str, status: str
) -> None:
    Salons(database_url).run("UPDATE companies SET integration_status = %s", status)

    assert await ledger.claim(salon, FRESH) is None
    assert history(database_url) == []


async def test_a_salon_without_whatsapp_is_not_claimed(
    ledger: Ledger, salon: SalonId, database_url: str
) -> None:
    Salons(database_url).run("UPDATE companies SET whatsapp_connected = false")

    assert await ledger.claim(salon, FRESH) is None


async def test_an_empty_key_of_the_previous_system_is_none(
    ledger: Ledger, salon: SalonId, database_url: str
) -> None:
    Salons(database_url).run("UPDATE companies SET api_key = ''")

    assert (await claimed(ledger, salon)).api_key == FRESH.api_key


async def test_a_held_advisory_lock_keeps_the_step_machine_out(
    pool: Pool, salon: SalonId, database_url: str
) -> None:
    with psycopg.connect(database_url) as other, other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(%s, %s)", (0x41_43_54, SALON))
        assert await TransactionLedger(pool).claim(salon, FRESH) is None

    assert await TransactionLedger(pool).claim(salon, FRESH) is not None


async def test_the_event_and_the_state_are_written_together_or_not_at_all(
    pool: Pool, salon: SalonId, database_url: str
) -> None:
    Salons(database_url).run("ALTER TABLE marketplace_events RENAME TO away")
    with pytest.raises(psycopg.Error):
        await TransactionLedger(pool).claim(salon, FRESH)

    assert row(database_url)["integration_status"] == "pending_whatsapp"
    with pytest.raises(psycopg.Error):
        await SimpleLedger(pool).claim(salon, FRESH)
    assert row(database_url)["integration_status"] == "activating"


async def test_a_serialization_failure_is_tried_again_at_once(
    pool: Pool, salon: SalonId, database_url: str
) -> None:
    Salons(database_url).run("CREATE SEQUENCE tries")
    Salons(database_url).run(
        "CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('tries') <= 2 THEN RAISE SQLSTATE '40001'; END IF; RETURN NEW; END $$",
    )
    Salons(database_url).run(
        "CREATE TRIGGER conflict BEFORE UPDATE ON companies"
        " FOR EACH ROW EXECUTE FUNCTION conflict()",
    )

    assert await TransactionLedger(pool).claim(salon, FRESH) is not None
    assert history(database_url) == ["activation_started"]


async def test_a_link_makes_the_activation_due_once(
    pool: Pool, salon: SalonId, database_url: str
) -> None:
    Salons(database_url).run(
        "UPDATE companies SET whatsapp_connected = false, activation_due_at = NULL"
    )
    async with pool.connection() as connection:
        assert await waiting_for_whatsapp(connection, 10) == [salon]
        assert await due_activations(connection, 10) == []
        assert await note_connected(connection, salon, PHONE) == DUE
        assert await due_activations(connection, 10) == [salon]
        assert not await note_connected(connection, salon, PHONE)
        state = await read_activation(connection, salon)

    assert state is not None
    assert state.whatsapp_connected
    assert (row(database_url)["whatsapp_phone"], row(database_url)["whatsapp_connected"]) == (
        PHONE,
        True,
    )


async def test_linking_anew_tries_a_failed_activation_at_once(
    pool: Pool, salon: SalonId, database_url: str
) -> None:
    ledger = TransactionLedger(pool)
    claim = await claimed(ledger, salon)
    await ledger.settle(claim, replace(FAILED, retry_in_s=86_400.0))
    async with pool.connection() as connection:
        await note_logged_out(connection, salon)
        assert not row(database_url)["whatsapp_connected"]

        link = await note_connected(connection, salon, PHONE)
        assert link is not None
        assert link.due


async def test_a_link_of_a_salon_that_is_active_or_unknown_changes_no_activation(
    pool: Pool, salon: SalonId, database_url: str
) -> None:
    Salons(database_url).run(
        "UPDATE companies SET integration_status = 'active', activation_due_at = NULL",
    )
    async with pool.connection() as connection:
        assert await note_connected(connection, salon, PHONE) == SETTLED
        assert not await note_connected(connection, SalonId(999_999_999_999_999), PHONE)
        assert await read_activation(connection, SalonId(7)) is None

    assert row(database_url)["integration_status"] == "active"


async def test_without_postgres_a_ledger_raises_and_nothing_hangs() -> None:
    nowhere = make_pool("postgresql://postgres@127.0.0.1:1/postgres", 1, "test")
    await nowhere.open(wait=False)
    try:
        with pytest.raises(psycopg.Error):
            await asyncio.wait_for(TransactionLedger(nowhere).claim(SALON, FRESH), 20)
    finally:
        await nowhere.close()
