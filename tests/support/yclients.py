"""A YClients of the sandbox for tests, and its control client.

`yclients_process` for tests that start processes, and for a module to share; `running_yclients`
within the test's own event loop, where the test can look inside.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import uvicorn

from sandbox.services.loopback import NOBODY
from sandbox.services.ports import free_port
from sandbox.yclients.app import build_app
from sandbox.yclients.connections import Salon
from sandbox.yclients.control_client import YclientsControl
from sandbox.yclients.world import Setup, World
from shared.http_server import KEEP_ALIVE_S, Server
from tests.support.api import PARTNER_TOKEN
from tests.support.waiting import block_until, wait_until

ROOT: Final = Path(__file__).parents[2]
LOOPBACK: Final = "127.0.0.1"
NOWHERE: Final = "http://127.0.0.1:9"
APPLICATION_ID: Final = 77
USER_TOKEN: Final = "test-user-token-0123456789"
START_TIMEOUT_S: Final = 40.0
STOP_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True)
class RunningYclients:
    url: str
    control: YclientsControl
    world: World


@contextlib.asynccontextmanager
async def running_yclients(
    api_url: str = NOWHERE, *, salons: tuple[Salon, ...] = (), rate_limit: bool = False
) -> AsyncIterator[RunningYclients]:
    """``api_url``: where callbacks go. Its own limit of requests is off unless it is asked for."""
    app, world = build_app(
        Setup(
            api_url=api_url,
            partner_token=PARTNER_TOKEN,
            application_id=APPLICATION_ID,
            user_token=USER_TOKEN,
            salons=salons,
            rate_limit=rate_limit,
        )
    )
    config = uvicorn.Config(
        app,
        LOOPBACK,
        0,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        await wait_until(lambda: server.started, START_TIMEOUT_S, "YClients listens")
        url = f"http://{LOOPBACK}:{server.servers[0].sockets[0].getsockname()[1]}"
        async with YclientsControl(url) as control:
            yield RunningYclients(url, control, world)
    finally:
        server.should_exit = True
        await serving


@contextlib.contextmanager
def yclients_process(api_url: str, log_path: Path, *arguments: str) -> Iterator[str]:
    """Its URL. ``api_url``: where callbacks go. Its own limit of requests is off."""
    port = free_port()
    command = [sys.executable, "-m", "sandbox.yclients", "--port", str(port)]
    environment = {
        **os.environ,
        "YCLIENTS_PARTNER_TOKEN": PARTNER_TOKEN,
        "YCLIENTS_APP_ID": str(APPLICATION_ID),
        "YCLIENTS_USER_TOKEN": USER_TOKEN,
    }
    with log_path.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [*command, "--api-url", api_url, "--no-rate-limit", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        block_until(lambda: _answers(process, url, log_path), START_TIMEOUT_S, "YClients answers")
        yield url
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)
    assert "Traceback" not in log_path.read_text("utf-8")


async def press_connect(yclients: YclientsControl, salon_id: int) -> str:
    """«Подключить», as the salon's owner in YClients; the token of the page that opens."""
    url = await yclients.connect(salon_id)
    async with httpx2.AsyncClient(
        verify=NOBODY, trust_env=False, timeout=START_TIMEOUT_S
    ) as browser:
        answer = await browser.get(url)
    assert answer.status_code == httpx2.codes.FOUND, answer.text
    return parse_qs(urlsplit(answer.headers["location"]).query)["token"][0]


@pytest.fixture(scope="module")
def yclients_port_of_api() -> int:
    """Where the API process of the module is to listen, so that callbacks find it."""
    return free_port()


@pytest.fixture(scope="module")
def yclients_url(
    tmp_path_factory: pytest.TempPathFactory, yclients_port_of_api: int
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("yclients")
    with yclients_process(f"http://127.0.0.1:{yclients_port_of_api}", folder / "log") as url:
        yield url


@pytest.fixture
async def yclients(yclients_url: str) -> AsyncIterator[YclientsControl]:
    """Without quirks and with an empty journal; salons of other tests are still there."""
    async with YclientsControl(yclients_url) as control:
        await control.reset()
        yield control


def _answers(process: subprocess.Popen[bytes], url: str, log_path: Path) -> bool:
    if process.poll() is not None:
        pytest.fail(f"YClients ended with {process.returncode}:\n{log_path.read_text('utf-8')}")
    try:
        return httpx2.get(
            f"{url}/control/stats", timeout=5, trust_env=False, verify=NOBODY
        ).is_success
    except httpx2.TransportError:
        return False
