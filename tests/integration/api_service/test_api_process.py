"""``python -m api_service`` as it runs for real: start, stop, what it refuses and what it logs."""

import signal
import socket
import time
from contextlib import closing

import httpx2
import pytest

from sandbox.services.ports import free_port
from shared.company_id import SalonId, session_id_of
from shared.messages.commands import Command
from shared.settings import EXIT_CONFIGURATION
from tests.support.api import JWT_SECRET, PARTNER_TOKEN, signed_query, token_for
from tests.support.page import open_page
from tests.support.processes import ServiceProcess, Starter
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import WhatsAppSide

SALON = SalonId(1001)
SESSION = session_id_of(SALON)
PHONE = "79990000001"


@pytest.fixture
def environment(database_url: str, redis_url: str) -> dict[str, str]:
    return {
        "ENVIRONMENT": "development",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "API_PORT": str(free_port()),
        "JWT_SECRET": JWT_SECRET,
        "YCLIENTS_PARTNER_TOKEN": PARTNER_TOKEN,
        "YCLIENTS_APP_ID": "77",
        "LOG_LEVEL": "debug",
    }


def start(start_process: Starter, environment: dict[str, str]) -> tuple[ServiceProcess, str]:
    process = start_process("api_service", environment)
    url = f"http://127.0.0.1:{environment['API_PORT']}"
    process.wait_healthy(f"{url}/metrics")
    return process, url


async def test_ends_in_order_within_ten_seconds_while_pages_are_open(
    start_process: Starter, environment: dict[str, str], whatsapp: WhatsAppSide
) -> None:
    process, url = start(start_process, environment)
    async with (
        open_page(url, token_for(SALON)) as one,
        open_page(url, token_for(SALON), transport="polling") as two,
    ):
        await one.next("status")
        await two.next("status")
        await one.ask("request-pairing-code", {"phoneNumber": PHONE})
        await wait_until(lambda: whatsapp.commands)
        started = time.monotonic()
        process.signal(signal.SIGTERM)
        await wait_until(lambda: process.returncode is not None, 30, "the process ends")
        took_s = time.monotonic() - started
        await wait_until(lambda: one.closed and two.closed)

    assert process.returncode == 0, process.log
    assert took_s < 10
    assert [line["event"] for line in process.log_events()][-1] == "api_stopped"
    assert "Traceback" not in process.log


async def test_starts_while_redis_and_postgres_are_away(
    start_process: Starter, environment: dict[str, str]
) -> None:
    nowhere = {
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1",
    }
    process, url = start(start_process, {**environment, **nowhere})

    assert httpx2.get(f"{url}/health", timeout=PATIENCE_S).status_code == 503
    assert process.terminate() == 0


def test_a_taken_port_is_one_line(start_process: Starter, environment: dict[str, str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        process = start_process("api_service", {**environment, "API_PORT": str(port)})
        code = process.wait_exit()

    assert code == 1
    assert process.log == (
        f"API_HOST, API_PORT: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    )


PRODUCTION = {
    "ENVIRONMENT": "production",
    "PUBLIC_URL": "https://connect.example.com",
    "YCLIENTS_URL": "https://127.0.0.1:9",
}


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"JWT_SECRET": ""}, "JWT_SECRET is missing"),
        ({"YCLIENTS_PARTNER_TOKEN": "short"}, "YCLIENTS_PARTNER_TOKEN is too weak"),
        ({"PUBLIC_URL": "connect.example.com/x"}, "PUBLIC_URL: must be an origin"),
        ({"API_PORT": "no"}, "API_PORT: "),
    ],
)
def test_a_wrong_setting_stops_production_with_one_line(
    start_process: Starter, environment: dict[str, str], changed: dict[str, str], line: str
) -> None:
    process = start_process("api_service", {**environment, **PRODUCTION, **changed})

    assert process.wait_exit() == EXIT_CONFIGURATION
    assert process.log.startswith(f"configuration: {line}")
    assert process.log.count("\n") == 1
    for secret in (JWT_SECRET, PARTNER_TOKEN, "short"):
        assert secret not in process.log


async def test_nothing_secret_is_logged(
    start_process: Starter, environment: dict[str, str], whatsapp: WhatsAppSide
) -> None:
    async def react(command: Command) -> None:
        await whatsapp.qr(command.company_id, "2@SecretQrTextThatNobodyMaySee,abc,def")
        await whatsapp.code(command, "WXYZ-9876")
        await whatsapp.connected(command.company_id, PHONE)

    whatsapp.reaction = react
    process, url = start(start_process, environment)
    token, bad = token_for(SALON, "Салон Секретный"), token_for(SALON)[:-2] + "xx"
    user = signed_query({"id": 501, "name": "Planted Name", "phone": "79990000077"})
    async with httpx2.AsyncClient(base_url=url, verify=False, timeout=PATIENCE_S) as http:
        await http.get("/auth/yclients/redirect", params={"salon_id": "1001", **user})
        await http.get("/auth/yclients/redirect", params={"salon_id": "x", **user})
        for used in (token, bad):
            await http.get("/marketplace/onboarding", params={"token": used})
            await http.post("/marketplace/api/qr", headers={"Authorization": f"Bearer {used}"})
    for used in (token, bad):
        async with open_page(url, None, query=f"&token={used}") as page:
            await wait_until(lambda page=page: page.told)  # type: ignore[misc]
            await page.ask("request-pairing-code", {"phoneNumber": PHONE})
    async with open_page(url, token) as page:
        await page.ask("request-pairing-code", {"phoneNumber": f"+{PHONE} планировано"})
        await page.next("pairing-code-error")
        await page.link.send(f"4{token}{PHONE}")
        await wait_until(lambda: page.closed)
    assert process.terminate() == 0

    secrets = (
        token,
        token.split(".")[2],
        bad,
        user["user_data"],
        user["user_data_sign"],
        "Planted Name",
        "79990000077",
        PHONE,
        "9990000001",
        "SecretQrText",
        "WXYZ-9876",
        JWT_SECRET,
        PARTNER_TOKEN,
    )
    assert "socket_token_in_query" in process.log
    for secret in secrets:
        assert secret not in process.log


async def test_the_pages_of_a_killed_process_find_the_present_state_elsewhere(
    start_process: Starter, environment: dict[str, str], whatsapp: WhatsAppSide
) -> None:
    first, first_url = start(start_process, environment)
    _, second_url = start(start_process, {**environment, "API_PORT": str(free_port())})
    async with open_page(first_url, token_for(SALON)) as page:
        await page.next("status")
        first.kill()
        await wait_until(lambda: page.closed)
    await whatsapp.connected(SESSION, PHONE)
    async with open_page(second_url, token_for(SALON)) as page:
        await page.next("whatsapp-connected")
