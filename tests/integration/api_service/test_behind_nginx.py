"""The nginx example in front of two real API processes."""

import asyncio
import contextlib
from pathlib import Path

import httpx2
import pytest

from shared.company_id import SalonId, session_id_of
from shared.messages.status import SessionStatus
from tests.support import nginx
from tests.support.api import signed_query, token_for
from tests.support.api_cluster import ApiCluster, start_api_cluster
from tests.support.certificate import write_self_signed
from tests.support.page import Page, RefusedError, open_page
from tests.support.processes import Starter
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import WhatsAppSide

SALON = SalonId(1001)
SESSION = session_id_of(SALON)
PAGES_EACH = 6


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


async def test_every_page_gets_each_event_once_by_either_transport(
    cluster: ApiCluster, whatsapp: WhatsAppSide, tmp_path: Path
) -> None:
    with nginx.running_nginx(tmp_path, cluster.addresses) as url:
        async with contextlib.AsyncExitStack() as stack:
            pages: list[Page] = [
                await stack.enter_async_context(
                    open_page(url, token_for(SALON), transport=transport)
                )
                for transport in ("polling", "websocket")
                for _ in range(PAGES_EACH)
            ]
            for page in pages:
                await page.next("status")
            for status in (SessionStatus.QUEUED, SessionStatus.CONNECTING, SessionStatus.QR):
                await whatsapp.status(SESSION, status)
            for page in pages:
                await page.next("status", 4)
            told = [[status["status"] for status in page.all("status")] for page in pages]

    assert told == [["idle", "queued", "connecting", "qr"]] * len(pages)


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
        await asyncio.wait_for(open_by_polling(url), 10)


async def test_pages_of_a_process_that_is_killed_come_back_through_the_other(
    cluster: ApiCluster, whatsapp: WhatsAppSide, tmp_path: Path
) -> None:
    with nginx.running_nginx(tmp_path, cluster.addresses) as url:
        async with open_page(url, token_for(SALON), transport="polling") as page:
            await page.next("status")
            for process in cluster.processes:
                pages = httpx2.get(f"{cluster.urls[cluster.processes.index(process)]}/metrics")
                if "realtime_connections 1.0" in pages.text:
                    process.kill()
            await page.gone()
        async with open_page(url, token_for(SALON), transport="polling") as again:
            await again.next("status")
            await whatsapp.status(SESSION, SessionStatus.QUEUED)
            await again.next("status", 2)

    assert sum(process.returncode is None for process in cluster.processes) == 1


async def test_no_log_has_the_token_or_what_yclients_signed(
    cluster: ApiCluster, tmp_path: Path
) -> None:
    token = token_for(SALON)
    with nginx.running_nginx(tmp_path, cluster.addresses) as url:
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
            page = await http.get("/marketplace/onboarding", params={"token": token})
            user = signed_query()
            await http.get("/auth/yclients/redirect", params={"salon_id": "1001", **user})
            health = await http.get("/health/pubsub/simple")
        async with open_page(url, None, query=f"&token={token}") as connected:
            await connected.next("status")
        for process in cluster.processes:
            process.kill()
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
            away = await http.get("/marketplace/onboarding", params={"token": token})

    assert (page.status_code, health.status_code) == (200, 200)
    assert away.status_code in {502, 504}
    logs = nginx.logs(tmp_path)
    assert "GET /marketplace/onboarding" in logs
    for secret in (token, user["user_data_sign"], user["user_data"]):
        assert secret not in logs


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
