"""Lifecycle notifications over HTTP, and what becomes of them: real Postgres, real Redis."""

import asyncio
import json
from typing import Any

import httpx2
import pytest
from psycopg.sql import SQL

from api_service.settings import ApiSettings
from shared.company_id import SalonId, session_id_of
from shared.errors import ErrorCode
from shared.messages.commands import Command
from tests.support.api import PARTNER_TOKEN, RunningApi, api_settings
from tests.support.api_process import ApiProcess
from tests.support.processes import Starter
from tests.support.salon_rows import SalonRows, lifecycle
from tests.support.services import PostgresServer
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import WhatsAppSide, whatsapp_side

SALON = 1001
SESSION = session_id_of(SalonId(SALON))


@pytest.fixture
def settings(request: pytest.FixtureRequest, database_url: str, redis_url: str) -> ApiSettings:
    """Patient with Postgres on a busy machine, except where it is to hang."""
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
        15,
        "every notification is done",
    )


def kinds(whatsapp: WhatsAppSide) -> list[str]:
    return [command.type for command in whatsapp.commands]


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
    await wait_until(lambda: salons.webhooks(SALON)[0]["reason"], 10, "it was tried")
    await salons.change(
        "UPDATE marketplace_webhooks SET attempts = 50, reason = NULL, due_at = now()"
    )
    await wait_until(lambda: salons.webhooks(SALON)[0]["reason"], 10, "it was tried again")

    assert salons.webhooks(SALON)[0]["state"] == "queued"
    whatsapp.reaction = whatsapp.result
    await salons.change("UPDATE marketplace_webhooks SET due_at = now()")
    await all_done(salons)
    assert salons.status(SALON) == "active"
    assert kinds(whatsapp) == ["thaw", "thaw", "thaw"]


async def test_a_salon_whose_session_refuses_is_tried_again(
    api: RunningApi, whatsapp: WhatsAppSide, salons: SalonRows
) -> None:
    async def refuse_once(command: Command) -> None:
        code = ErrorCode.UNLINK_FAILED if len(whatsapp.commands) == 1 else None
        await whatsapp.result(command, code)

    whatsapp.reaction = refuse_once
    await send(api, lifecycle(SALON, "uninstall"))
    await wait_until(lambda: salons.webhooks(SALON)[0]["reason"] == "UNLINK_FAILED", 10)
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
    await wait_until(lambda: salons.webhooks(SALON)[0]["reason"] == "UNLINK_FAILED", 10)
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
    await wait_until(lambda: salons.status(SALON) == "uninstalled", 20)

    skipped = [answer.get("skipped") for answer in told]
    assert skipped == [None] * 10 + ["rate_limited"] * 2
    assert "skipped" not in uninstall
    assert len(salons.webhooks(SALON)) == 13
    await salons.change("UPDATE marketplace_webhooks SET due_at = now()")
    await all_done(salons)
    assert salons.status(SALON) == "uninstalled"
    assert {row["reason"] for row in salons.webhooks(SALON)[10:12]} == {"uninstalled"}


async def test_what_is_not_for_us_is_refused(api: RunningApi, salons: SalonRows) -> None:
    good = lifecycle(SALON, "uninstall")
    without = {name: value for name, value in good.items() if name != "partner_token"}

    assert (await send(api, without))["error"] == "Missing partner_token"
    for token in (PARTNER_TOKEN + "x", PARTNER_TOKEN.upper(), "ы", ""):
        refused = await send(api, {**good, "partner_token": token})
        assert refused["error"] in {"Missing partner_token", "Invalid partner_token"}
    other = await send(api, {**good, "application_id": 78})
    assert (other["success"], other["skipped"]) == (True, "different_application")
    assert salons.webhooks(SALON) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"event"',
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"event": 1, "partner_token": "%s"}' % PARTNER_TOKEN.encode(),
        b'{"event": "uninstall", "salon_id": [], "partner_token": "%s"}' % PARTNER_TOKEN.encode(),
        b'{"event": "uninstall", "salon_id": 0, "partner_token": "%s"}' % PARTNER_TOKEN.encode(),
        b'{"event": "uninstall", "partner_token": {"a": 1}}',
    ],
)
async def test_a_wrong_shape_is_refused_with_200(api: RunningApi, body: bytes) -> None:
    answer = await api.http.post("/webhook/yclients", content=body)

    assert answer.status_code == 200
    assert answer.json()["success"] is False
    assert set(answer.json()) == {"success", "error", "code"}


async def test_what_postgres_cannot_keep_is_left_out(api: RunningApi, salons: SalonRows) -> None:
    body = (
        b'{"event": "odd\\u0000", "salon_id": 1001, "a": "\\ud800x", "b": NaN, "c": 1e999,'
        b'"d": [{"e\\u0000": 1}], "partner_token": "%s"}' % PARTNER_TOKEN.encode()
    )

    answer = await api.http.post("/webhook/yclients", content=body)

    assert answer.json()["success"] is True
    await wait_until(lambda: salons.webhooks(SALON), 15, "it is stored, if late")
    [row] = salons.webhooks(SALON)
    assert (row["event_type"], row["state"]) == ("odd", "recorded")
    assert row["payload"]["d"] == [{"e": 1}]
    assert (row["payload"]["a"], row["payload"]["b"], row["payload"]["c"]) == ("x", None, None)


async def test_a_large_body_is_not_read(api: RunningApi) -> None:
    """It is refused by what it says of itself; no byte of it has been sent yet."""
    reader, writer = await connected(api)
    writer.write(head_of(api, 10_000_000))
    await writer.drain()
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 20)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"PAYLOAD_TOO_LARGE" in answer


async def connected(api: RunningApi) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = api.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


def head_of(api: RunningApi, length: int) -> bytes:
    host = api.url.removeprefix("http://")
    return (
        f"POST /webhook/yclients HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("settings", [0.12], indirect=True)
async def test_a_hanging_postgres_is_not_waited_for(
    api: RunningApi, obedient: WhatsAppSide, salons: SalonRows
) -> None:
    """The notification is in Redis until Postgres is back."""
    async with salons.locked("marketplace_webhooks"):
        started = asyncio.get_running_loop().time()
        told = await send(api, lifecycle(SALON, "uninstall"))
        took_s = asyncio.get_running_loop().time() - started
        assert told["success"] is True
        assert await obedient.redis.xlen("marketplace:webhooks:kept") == 1
    assert took_s < 1

    await all_done(salons)

    assert salons.status(SALON) == "uninstalled"
    assert salons.webhooks(SALON)[0]["webhook_id"] == told["webhook_id"]

    async def moved() -> bool:
        return int(await obedient.redis.xlen("marketplace:webhooks:kept")) == 0

    await wait_until(moved)


@pytest.mark.parametrize("settings", [0.12], indirect=True)
async def test_without_postgres_it_is_kept_and_counts_for_the_installation_of_then(
    api: RunningApi, obedient: WhatsAppSide, salons: SalonRows, postgres_server: PostgresServer
) -> None:
    name = salons.database_url.rpartition("/")[2].partition("?")[0]
    postgres_server.run(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false"), name)
    try:
        salons.cut_all_connections(postgres_server.url())
        told = await send(api, lifecycle(SALON, "uninstall"))
        assert told["success"] is True
        assert await obedient.redis.xlen("marketplace:webhooks:kept") == 1
    finally:
        postgres_server.run(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true"), name)
    await salons.connect_anew(SALON)

    await wait_until(lambda: salons.webhooks(SALON), 15)
    await all_done(salons)

    assert salons.webhooks(SALON)[0]["reason"] == "superseded"
    assert salons.status(SALON) == "pending_whatsapp"


async def test_a_slow_body_is_not_waited_for(api: RunningApi, salons: SalonRows) -> None:
    """It ends by a deadline of its own, and keeps nobody else waiting."""
    reader, writer = await connected(api)
    writer.write(head_of(api, 1000) + b'{"event"')
    await writer.drain()

    told = await send(api, lifecycle(SALON, "odd"))
    answer = await asyncio.wait_for(reader.read(2000), 15)
    writer.close()
    await writer.wait_closed()

    assert told["success"] is True
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"success":false' in answer
    assert salons.states(SALON) == ["recorded"]


async def test_whatever_is_refused_is_one_line_without_a_trace(
    start_process: Starter, database_url: str, redis_url: str
) -> None:
    process = ApiProcess.beside(
        {"DATABASE_URL": database_url, "REDIS_URL": redis_url}, start_process
    )
    await asyncio.to_thread(process.start)
    good = lifecycle(SALON, "uninstall")
    bodies: list[bytes] = [
        b"{",
        b"[]",
        json.dumps({**good, "partner_token": "wrong"}).encode(),
        json.dumps({**good, "partner_token": None}).encode(),
        json.dumps({**good, "application_id": 78}).encode(),
        json.dumps({**good, "salon_id": "a"}).encode(),
        b"x" * 70_000,
    ]
    async with httpx2.AsyncClient(base_url=process.url, trust_env=False, timeout=20) as http:
        answers = [await http.post("/webhook/yclients", content=body) for body in bodies]

    assert [answer.status_code for answer in answers] == [200] * 6 + [413]
    lines = [
        event
        for event in process.process.log_events()
        if event["event"]
        in {"webhook_refused", "request_refused", "webhook_of_another_application"}
    ]
    assert len(lines) == len(bodies)
    assert "Traceback" not in process.process.log
    assert not any("Traceback" in answer.text for answer in answers)
    assert PARTNER_TOKEN not in process.process.log


async def test_what_waits_for_a_whatsapp_process_is_done_as_soon_as_one_is_back(
    api: RunningApi, redis_url: str, salons: SalonRows
) -> None:
    await send(api, lifecycle(SALON, "freeze"))
    tried = ["SERVICE_UNAVAILABLE"]
    await wait_until(
        lambda: [row["reason"] for row in salons.webhooks(SALON)] == tried, 30, "it was tried"
    )
    await salons.change("UPDATE marketplace_webhooks SET due_at = now() + interval '1 hour'")

    async with whatsapp_side(redis_url) as side:
        side.reaction = side.result
        await all_done(salons)

        assert kinds(side) == ["freeze"]
    assert salons.status(SALON) == "frozen"
