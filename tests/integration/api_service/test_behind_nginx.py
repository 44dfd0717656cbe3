"""The nginx example in front of two real API processes."""

import asyncio
import contextlib
import re
import socket
import time
from collections import Counter
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2
import pytest

from api_service.__main__ import uvicorn_config
from api_service.app import build_app
from shared.company_id import SalonId, session_id_of
from shared.messages.status import SessionStatus
from tests.support import nginx
from tests.support.api import api_settings, signed_query, token_for
from tests.support.api_cluster import ApiCluster, start_api_cluster
from tests.support.certificate import write_self_signed
from tests.support.holdings import gauges
from tests.support.page import Page, RefusedError, Transport, open_page
from tests.support.processes import Starter
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import WhatsAppSide

SALON = SalonId(1001)
SESSION = session_id_of(SALON)
EACH_WAY: Final = 10
FIRST_ADDRESSES: Final[tuple[tuple[int, Transport], ...]] = ((1, "polling"), (101, "websocket"))
BACK_S: Final = 10.0
FEW_CONNECTIONS: Final = (9, 10)
"""With one of them the last is taken by a client, and there is none for its upstream."""


@pytest.fixture
def cluster(start_process: Starter, database_url: str, redis_url: str) -> ApiCluster:
    return start_api_cluster(
        start_process, database_url, redis_url, FORWARDED_ALLOW_IPS="127.0.0.1", LOG_LEVEL="debug"
    )


def test_the_example_is_understood_as_it_is(tmp_path: Path) -> None:
    """With a certificate, and with nothing replaced but places."""
    write_self_signed(tmp_path / "own.pem", tmp_path / "own.key")
    site = nginx.example(tmp_path, ["127.0.0.1:3000"], "127.0.0.1:8443 ssl")
    site = site.replace("/etc/ssl/certs/connect.example.com.pem", f"{tmp_path}/own.pem")
    site = site.replace("/etc/ssl/private/connect.example.com.key", f"{tmp_path}/own.key")
    assert "/etc/ssl" not in site

    nginx.check(tmp_path, site)


def test_an_idle_connection_is_closed_by_nginx_never_by_a_process_first() -> None:
    """A POST on a connection that the process closes in this instant would be a 502."""
    [kept_s] = re.findall(r"keepalive_timeout (\d+)s;", nginx.EXAMPLE.read_text())
    settings = api_settings("postgresql://nobody@127.0.0.1:9/none", "redis://127.0.0.1:9")
    assert int(kept_s) < uvicorn_config(build_app(settings), settings).timeout_keep_alive


async def pages_of(cluster: ApiCluster) -> list[int]:
    """How many pages each process has, one that is gone left out."""
    living = (n for n, process in enumerate(cluster.processes) if process.returncode is None)
    return [int((await gauges(cluster.urls[n]))["realtime_connections"]) for n in living]


async def test_every_page_gets_each_event_once_by_either_transport(
    cluster: ApiCluster, whatsapp: WhatsAppSide, tmp_path: Path
) -> None:
    """From twenty addresses, so that both processes have pages of either kind."""
    with nginx.running_nginx(tmp_path, cluster.addresses) as url:
        async with contextlib.AsyncExitStack() as stack:
            pages: list[Page] = [
                await stack.enter_async_context(
                    open_page(url, token_for(SALON), transport=transport, source=f"127.0.1.{n}")
                )
                for first, transport in FIRST_ADDRESSES
                for n in range(first, first + EACH_WAY)
            ]
            for page in pages:
                await page.next("status")
            spread = await pages_of(cluster)
            for status in (SessionStatus.QUEUED, SessionStatus.CONNECTING, SessionStatus.QR):
                await whatsapp.status(SESSION, status)
            for page in pages:
                await page.next("status", 4)
            told = [[status["status"] for status in page.all("status")] for page in pages]

    assert told == [["idle", "queued", "connecting", "qr"]] * 2 * EACH_WAY
    assert sum(spread) == 2 * EACH_WAY
    assert all(spread), spread


async def test_without_sticky_routing_long_polling_fails(
    cluster: ApiCluster, tmp_path: Path
) -> None:
    """So the test above can fail, and the line in the example is needed."""

    async def open_by_polling(url: str) -> None:
        async with open_page(url, token_for(SALON), transport="polling") as page:
            await page.next("status")

    with (
        nginx.running_nginx(tmp_path, cluster.addresses, sticky=False) as url,
        pytest.raises((RefusedError, TimeoutError)),
    ):
        await asyncio.wait_for(open_by_polling(url), 5)


async def test_pages_of_a_process_that_is_killed_come_back_through_the_other(
    cluster: ApiCluster, whatsapp: WhatsAppSide, tmp_path: Path
) -> None:
    """As the page does: it tries anew until it is let in, from the address that it has."""
    transports: tuple[Transport, ...] = ("polling", "websocket")
    with nginx.running_nginx(tmp_path, cluster.addresses) as url:
        async with contextlib.AsyncExitStack() as stack:
            pages = [
                await stack.enter_async_context(open_page(url, token_for(SALON), transport=each))
                for each in transports
            ]
            for page in pages:
                await page.next("status")
            spread = await pages_of(cluster)
            assert sorted(spread) == [0, len(pages)]
            cluster.processes[spread.index(len(pages))].kill()
            for page in pages:
                await page.gone()
        started = time.monotonic()
        async with contextlib.AsyncExitStack() as stack:
            again = [
                await stack.enter_async_context(open_page(url, token_for(SALON), transport=each))
                for each in transports
            ]
            for page in again:
                await page.next("status")
            assert time.monotonic() - started < BACK_S
            await whatsapp.status(SESSION, SessionStatus.QUEUED)
            for page in again:
                await page.next("status", 2)
            assert await pages_of(cluster) == [len(pages)]


async def test_no_log_has_the_token_or_what_yclients_signed(
    cluster: ApiCluster, tmp_path: Path
) -> None:
    token, hook_secret = token_for(SALON), "part-of-an-address"
    with nginx.running_nginx(tmp_path, cluster.addresses) as url:
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE_S) as http:
            page = await http.get("/marketplace/onboarding", params={"token": token})
            user = signed_query()
            await http.get("/auth/yclients/redirect", params={"salon_id": "1001", **user})
            await http.post(f"/webhook/yclients/hook/1001/{hook_secret}", json={})
        async with open_page(url, None, query=f"&token={token}") as connected:
            await connected.next("status")
        for process in cluster.processes:
            process.kill()
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE_S) as http:
            away = await http.get("/marketplace/onboarding", params={"token": token})

    assert page.status_code == 200
    assert away.status_code in {502, 504}
    logs = nginx.logs(tmp_path)
    assert "GET /marketplace/onboarding" in logs
    assert "POST /webhook/yclients/hook/1001/-" in logs
    for secret in (token, user["user_data_sign"], user["user_data"], hook_secret):
        assert secret not in logs


async def test_no_log_has_the_token_when_there_are_no_connections_left(tmp_path: Path) -> None:
    """It is then that nginx complains most loudly, with the request in the complaint."""
    logs = ""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        upstream = f"127.0.0.1:{silent.getsockname()[1]}"
        for connections in FEW_CONNECTIONS:
            folder = tmp_path / str(connections)
            folder.mkdir()
            with nginx.running_nginx(folder, [upstream], connections=connections) as url:
                await crowd(url, connections, folder)
            logs += nginx.logs(folder)

    assert '"GET /marketplace/onboarding" 500 ' in logs
    assert "the-secret-token" not in logs


async def crowd(url: str, clients: int, folder: Path) -> None:
    """Until nginx has answered one of them with 500, or has none of them left to answer.

    It is done with them within a moment of closing the first, and when that is, is its own affair.
    """
    address, readers = urlsplit(url), list[asyncio.StreamReader]()
    request = "GET /marketplace/onboarding?token=the-secret-token HTTP/1.1\r\nHost: x\r\n\r\n"
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(clients):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            readers.append(reader)
            stack.callback(writer.close)
            writer.write(request.encode())
        await wait_until(lambda: any(map(closed, readers)) or " 500 " in nginx.logs(folder))
        with contextlib.suppress(TimeoutError):
            await wait_until(lambda: " 500 " in nginx.logs(folder), 3)


def closed(reader: asyncio.StreamReader) -> bool:
    return reader.at_eof() or reader.exception() is not None


async def test_an_address_that_comes_again_and_again_is_turned_away_at_the_entry(
    tmp_path: Path,
) -> None:
    """And nowhere else. No process is needed: what passes finds none."""
    with nginx.running_nginx(tmp_path, ["127.0.0.1:9"]) as url:
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE_S) as http:
            entry = Counter(await status_of(http, "/auth/yclients/redirect", 40))
            pages = set(await status_of(http, "/marketplace/onboarding", 40))

    assert entry.keys() == {502, 429}
    assert entry[502] >= 21
    assert pages == {502}


async def status_of(http: httpx2.AsyncClient, path: str, times: int) -> list[int]:
    """Side by side: in twenty seconds one after the other, the limit would let all of them in."""
    asked = (http.get(path, params={"salon_id": "1001"}) for _ in range(times))
    return [answer.status_code for answer in await asyncio.gather(*asked)]


async def test_metrics_and_health_are_for_operators_machines(
    cluster: ApiCluster, tmp_path: Path
) -> None:
    with nginx.running_nginx(tmp_path, cluster.addresses) as url:
        for source, refused in (("127.0.0.1", False), ("127.0.0.2", True)):
            way = httpx2.AsyncHTTPTransport(local_address=source)
            async with httpx2.AsyncClient(base_url=url, transport=way, timeout=PATIENCE_S) as http:
                for path in ("/metrics", "/health", "/health/pubsub/simple"):
                    answer = await http.get(path)
                    assert (answer.status_code == httpx2.codes.FORBIDDEN) is refused, path
                    assert ("nginx" in answer.text) is refused, path

    assert (tmp_path / "ai-admin.log").read_text("utf-8") == ""


async def test_an_address_that_a_client_claims_to_have_escapes_no_limit(
    start_process: Starter, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    cluster = start_api_cluster(
        start_process, database_url, redis_url, CONNECTIONS_PER_ADDRESS_PER_MINUTE="3"
    )
    told: list[list[str]] = []
    with nginx.running_nginx(tmp_path, cluster.addresses) as url:
        for number in range(4):
            forged = {"X-Forwarded-For": f"203.0.113.{number}"}
            async with open_page(url, token_for(2000 + number), headers=forged) as page:
                await wait_until(lambda page=page: page.told)  # type: ignore[misc]
                told.append([payload.get("code", "") for _, payload in page.told])

    assert told == [[""], [""], [""], ["TOO_MANY_CONNECTIONS"]]
