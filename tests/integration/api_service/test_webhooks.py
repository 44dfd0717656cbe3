"""Lifecycle notifications over HTTP, and what becomes of them: real Postgres, real Redis."""

import pytest

from shared.errors import ErrorCode
from shared.messages.commands import Command
from tests.support.api import PARTNER_TOKEN, RunningApi
from tests.support.notifications import (
    SALON,
    all_done,
    kinds,
    obedient,
    salons,
    send,
    settings,
)
from tests.support.salon_rows import SalonRows, lifecycle
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import WhatsAppSide

__all__ = ["obedient", "salons", "settings"]


async def test_an_uninstalled_salon_loses_its_link_and_its_key(
    api: RunningApi, obedient: WhatsAppSide, salons: SalonRows
) -> None:
    told = await send(api, lifecycle(SALON, "uninstall"))
    await all_done(salons)

    assert (told["success"], told["received"], "skipped" in told) == (True, True, False)
    row = salons.row(SALON)
    assert (row["integration_status"], row["api_key"], row["webhook_secret"]) == (
        "uninstalled",
        None,
        None,
    )
    assert (row["whatsapp_connected"], row["activation_due_at"]) == (False, None)
    assert 29 < (row["erase_due_at"] - row["disconnected_at"]).days <= 30
    assert kinds(obedient) == ["unlink", "thaw"]
    assert salons.history(SALON) == ["uninstall_started", "credentials_deleted", "uninstalled"]
    [webhook] = salons.webhooks(SALON)
    assert webhook["webhook_id"] == told["webhook_id"]
    assert PARTNER_TOKEN not in str(webhook)


async def test_a_frozen_salon_keeps_its_key_and_is_thawed_by_a_payment(
    api: RunningApi, obedient: WhatsAppSide, salons: SalonRows
) -> None:
    await send(api, lifecycle(SALON, "freeze"))
    await all_done(salons)

    row = salons.row(SALON)
    assert (row["integration_status"], row["api_key"] is not None) == ("frozen", True)
    assert row["thaw_check_at"] is not None
    assert kinds(obedient) == ["freeze"]
    assert salons.history(SALON) == ["freeze_started", "frozen"]


async def test_a_late_freeze_does_not_stop_an_owner_who_connects_anew(
    api: RunningApi, obedient: WhatsAppSide, salons: SalonRows
) -> None:
    salons.run("UPDATE companies SET integration_status = 'pending_whatsapp'")

    await send(api, lifecycle(SALON, "freeze"))
    await all_done(salons)

    assert salons.row(SALON)["integration_status"] == "pending_whatsapp"
    assert kinds(obedient) == []


async def test_a_salon_that_was_thawed_is_frozen_again_by_the_same_words(
    api: RunningApi, obedient: WhatsAppSide, salons: SalonRows
) -> None:
    """YClients writes neither a time nor a number into them."""
    first = await send(api, lifecycle(SALON, "freeze"))
    await all_done(salons)
    copy = await send(api, lifecycle(SALON, "freeze"))
    await send(api, lifecycle(SALON, "freeze"))
    await salons.change("UPDATE companies SET integration_status = 'active', thaw_check_at = NULL")

    second = await send(api, lifecycle(SALON, "freeze"))
    await all_done(salons)
    again = await send(api, lifecycle(SALON, "freeze"))

    assert (copy["skipped"], copy["webhook_id"]) == ("duplicate", first["webhook_id"])
    assert "skipped" not in second
    assert (again["skipped"], again["webhook_id"]) == ("duplicate", second["webhook_id"])
    assert salons.status(SALON) == "frozen"
    assert kinds(obedient) == ["freeze", "freeze"]


async def test_a_copy_may_write_its_ids_as_text(
    api: RunningApi, whatsapp: WhatsAppSide, salons: SalonRows
) -> None:
    whatsapp.reaction = whatsapp.result
    await send(api, lifecycle(SALON, "uninstall"))

    copy = await send(api, {**lifecycle(SALON, "uninstall"), "salon_id": str(SALON)})
    other = await send(api, {**lifecycle(SALON, "uninstall"), "application_id": "77"})

    assert (copy.get("skipped"), other.get("skipped")) == ("duplicate", "duplicate")
    assert len(salons.webhooks(SALON)) == 1


@pytest.mark.usefixtures("api")
async def test_a_thaw_that_was_begun_is_never_given_up(
    whatsapp: WhatsAppSide, salons: SalonRows
) -> None:
    """Else the salon would be active here and closed in WhatsApp, and nothing would notice."""

    async def refuse(command: Command) -> None:
        await whatsapp.result(command, ErrorCode.SERVICE_UNAVAILABLE)

    whatsapp.reaction = refuse
    await salons.change("UPDATE companies SET integration_status = 'frozen'")
    await salons.change(
        "INSERT INTO marketplace_webhooks (webhook_id, idempotency_key, salon_id, event_type,"
        " installation, source, state) VALUES ('t', 't', %s, 'thaw', 1, 'polling', 'queued')",
        SALON,
    )
    await wait_until(lambda: salons.webhooks(SALON)[0]["reason"], what="it was tried")
    await salons.change(
        "UPDATE marketplace_webhooks SET attempts = 50, reason = NULL, due_at = now()"
    )
    await wait_until(lambda: salons.webhooks(SALON)[0]["reason"], what="it was tried again")

    assert salons.webhooks(SALON)[0]["state"] == "queued"
    whatsapp.reaction = whatsapp.result
    await salons.change("UPDATE marketplace_webhooks SET due_at = now()")
    await all_done(salons)
    assert salons.status(SALON) == "active"
    assert set(kinds(whatsapp)) == {"thaw"}


async def test_a_salon_whose_session_refuses_is_tried_again(
    api: RunningApi, whatsapp: WhatsAppSide, salons: SalonRows
) -> None:
    async def refuse_once(command: Command) -> None:
        code = ErrorCode.UNLINK_FAILED if len(whatsapp.commands) == 1 else None
        await whatsapp.result(command, code)

    whatsapp.reaction = refuse_once
    await send(api, lifecycle(SALON, "uninstall"))
    await wait_until(lambda: salons.webhooks(SALON)[0]["reason"] == "UNLINK_FAILED")
    assert salons.status(SALON) == "uninstalled"
    await salons.change("UPDATE marketplace_webhooks SET due_at = now()")

    await all_done(salons)

    assert kinds(whatsapp) == ["unlink", "unlink", "thaw"]
    assert salons.history(SALON) == ["uninstall_started", "credentials_deleted", "uninstalled"]


@pytest.mark.usefixtures("obedient")
async def test_a_copy_has_no_effect_and_a_new_installation_has_one(
    api: RunningApi, salons: SalonRows
) -> None:
    """Connect, uninstall, connect, uninstall within an hour: two effects."""
    first = await send(api, lifecycle(SALON, "uninstall"))
    copies = [await send(api, lifecycle(SALON, "uninstall")) for _ in range(3)]
    await all_done(salons)
    await salons.connect_anew(SALON)
    second = await send(api, lifecycle(SALON, "uninstall"))
    again = await send(api, lifecycle(SALON, "uninstall"))
    await all_done(salons)

    assert {copy["skipped"] for copy in [*copies, again]} == {"duplicate"}
    assert {copy["webhook_id"] for copy in copies} == {first["webhook_id"]}
    assert "skipped" not in second
    assert salons.history(SALON).count("uninstalled") == 2
    assert salons.status(SALON) == "uninstalled"


async def test_a_notification_of_the_last_installation_is_superseded(
    api: RunningApi, whatsapp: WhatsAppSide, salons: SalonRows
) -> None:
    await send(api, lifecycle(SALON, "uninstall"))
    await wait_until(lambda: salons.status(SALON) == "uninstalled")
    await wait_until(lambda: whatsapp.commands)
    await salons.connect_anew(SALON)
    whatsapp.reaction = whatsapp.result
    await whatsapp.result(whatsapp.commands[0], ErrorCode.UNLINK_FAILED)
    await wait_until(lambda: salons.webhooks(SALON)[0]["reason"] == "UNLINK_FAILED")
    await salons.change("UPDATE marketplace_webhooks SET due_at = now()")

    await all_done(salons)

    assert salons.status(SALON) == "pending_whatsapp"
    assert salons.webhooks(SALON)[0]["reason"] == "superseded"
    assert kinds(whatsapp) == ["unlink", "thaw"]
    assert "webhook_without_effect" in salons.history(SALON)


@pytest.mark.usefixtures("obedient")
async def test_over_the_limit_it_is_stored_and_an_uninstall_never_waits(
    api: RunningApi, salons: SalonRows
) -> None:
    told = [await send(api, lifecycle(SALON, "freeze", number=number)) for number in range(12)]
    uninstall = await send(api, lifecycle(SALON, "uninstall"))
    await wait_until(lambda: salons.status(SALON) == "uninstalled")

    skipped = [answer.get("skipped") for answer in told]
    assert skipped == [None] * 10 + ["rate_limited"] * 2
    assert "skipped" not in uninstall
    assert len(salons.webhooks(SALON)) == 13
    await salons.change("UPDATE marketplace_webhooks SET due_at = now()")
    await all_done(salons)
    assert salons.status(SALON) == "uninstalled"
    assert {row["reason"] for row in salons.webhooks(SALON)[10:12]} == {"uninstalled"}
