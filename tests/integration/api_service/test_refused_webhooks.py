"""Notifications that are refused, large, slow, or come while something is away."""

import asyncio
import json
from typing import Any

import httpx2
import pytest
from psycopg.sql import SQL

from api_service.web import bodies
from sandbox.services.loopback import NOBODY
from shared.bus import keys
from shared.db import STATEMENT_TIMEOUT_MS
from tests.support.api import PARTNER_TOKEN, RunningApi
from tests.support.api_process import ApiProcess
from tests.support.notifications import (
    SALON,
    all_done,
    kinds,
    obedient,
    salons,
    send,
    settings,
)
from tests.support.processes import ServiceProcess, Starter
from tests.support.salon_rows import SalonRows, lifecycle
from tests.support.services import PostgresServer
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import WhatsAppSide, whatsapp_side

__all__ = ["obedient", "salons", "settings"]


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
    await wait_until(lambda: salons.webhooks(SALON), what="it is stored, if late")
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


def head_of(api: RunningApi, length: int, path: str = "/webhook/yclients") -> bytes:
    host = api.url.removeprefix("http://")
    return f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n".encode()


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
        assert await obedient.redis.xlen(keys.WEBHOOKS_KEPT) == 1
    assert took_s < STATEMENT_TIMEOUT_MS / 1000 - 1

    await all_done(salons)

    assert salons.status(SALON) == "uninstalled"
    assert salons.webhooks(SALON)[0]["webhook_id"] == told["webhook_id"]

    async def moved() -> bool:
        return int(await obedient.redis.xlen(keys.WEBHOOKS_KEPT)) == 0

    await wait_until(moved)


@pytest.mark.parametrize("settings", [0.12], indirect=True)
async def test_without_postgres_it_is_kept_and_counts_for_the_installation_of_then(
    api: RunningApi, obedient: WhatsAppSide, salons: SalonRows, postgres_server: PostgresServer
) -> None:
    name = salons.database_url.rpartition("/")[2].partition("?")[0]
    _not_before_the_salon_has_come_back(salons)
    postgres_server.run(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false"), name)
    try:
        salons.cut_all_connections(postgres_server.url())
        told = await send(api, lifecycle(SALON, "uninstall"))
        assert told["success"] is True
        assert await obedient.redis.xlen(keys.WEBHOOKS_KEPT) == 1
    finally:
        postgres_server.run(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true"), name)
    await salons.connect_anew(SALON)

    await wait_until(lambda: salons.webhooks(SALON))
    await all_done(salons)

    assert salons.webhooks(SALON)[0]["reason"] == "superseded"
    assert salons.status(SALON) == "pending_whatsapp"


def _not_before_the_salon_has_come_back(salons: SalonRows) -> None:
    """A notification that was kept may be stored as soon as Postgres is there."""
    salons.run(
        "CREATE FUNCTION not_yet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF (SELECT installation FROM companies WHERE yclients_id = NEW.salon_id) = 1"
        " THEN RAISE SQLSTATE '57P03'; END IF; RETURN NEW; END $$"
    )
    salons.run(
        "CREATE TRIGGER not_yet BEFORE INSERT ON marketplace_webhooks"
        " FOR EACH ROW EXECUTE FUNCTION not_yet()"
    )


async def test_a_slow_body_is_not_waited_for(
    api: RunningApi, salons: SalonRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a notification or of an activation: first bytes, then nothing.

    It ends by a deadline of its own, and keeps nobody else waiting.
    """
    monkeypatch.setattr(bodies, "BODY_S", 2.0)
    reader, writer = await connected(api)
    writer.write(head_of(api, 1000) + b'{"event"')
    activated, activating = await connected(api)
    activating.write(head_of(api, 100, "/marketplace/activate") + b"{")
    await asyncio.gather(writer.drain(), activating.drain())

    told = await send(api, lifecycle(SALON, "odd"))
    answer = await asyncio.wait_for(reader.readuntil(b"}"), PATIENCE_S)
    activation = await asyncio.wait_for(activated.readuntil(b"\r\n"), PATIENCE_S)
    for each in (writer, activating):
        each.close()
        await each.wait_closed()

    assert told["success"] is True
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"success":false' in answer
    assert salons.states(SALON) == ["recorded"]
    assert b"400" in activation


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
    async with httpx2.AsyncClient(
        base_url=process.url, verify=NOBODY, trust_env=False, timeout=20
    ) as http:
        answers = [await http.post("/webhook/yclients", content=body) for body in bodies]

    assert [answer.status_code for answer in answers] == [200] * 6 + [413]
    await wait_until(lambda: len(refusals(process.process)) == len(bodies))
    assert "Traceback" not in process.process.log
    assert not any("Traceback" in answer.text for answer in answers)
    assert PARTNER_TOKEN not in process.process.log


def refusals(process: ServiceProcess) -> list[dict[str, Any]]:
    told = {"webhook_refused", "request_refused", "webhook_of_another_application"}
    return [event for event in process.log_events() if event["event"] in told]


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
