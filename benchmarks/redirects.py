"""How long an owner who pressed «Подключить» waits for the page, YClients being asked meanwhile."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

import httpx2

from benchmarks.report import Figure
from benchmarks.waits import p95
from benchmarks.world import World
from sandbox.services.ports import free_port
from sandbox.yclients.control_client import YclientsControl
from sandbox.yclients.quirks import Operation, QuirkKind
from tests.support.api import PARTNER_TOKEN, signed_query
from tests.support.processes import ServiceProcess
from tests.support.yclients import yclients_process

LIMIT_MS: Final = 250.0
YCLIENTS_MS: Final = 50
WARM_UP: Final = 2
BETWEEN_S: Final = 0.4
"""Owners who come one after the other: the budget of calls is not what is measured."""
FIRST_SALON: Final = 700_001


async def measure(world: World, rounds: int) -> tuple[list[Figure], dict[str, list[float]]]:
    """An API process of its own, whose YClients answers in 50 ms; a new connection each time."""
    salons = range(FIRST_SALON, FIRST_SALON + rounds + WARM_UP)
    async with _yclients(world, salons) as yclients, _api(world, yclients.url) as api_url:
        waits = [await _visit(api_url, salon) for salon in salons]
        asked = [call.salon_id for call in await yclients.calls(Operation.CONNECTION)]
        assert asked == list(salons), "YClients was not asked once for each"
    waits = waits[WARM_UP:]
    figure = Figure(
        "redirect → page, p95, YClients answering in 50 ms",
        p95(waits),
        LIMIT_MS,
        "ms",
        f"median {statistics.median(waits):.0f} ms; a new connection each time, as a browser's",
        "YClients' answer; then four statements in one transaction",
    )
    return [figure], {"redirect_to_page_ms": waits}


@contextlib.asynccontextmanager
async def _yclients(world: World, salons: Sequence[int]) -> AsyncIterator[YclientsControl]:
    """The sandbox's, which waits for these salons."""
    with yclients_process(world.api_url, world.folder / "redirects-yclients.log") as url:
        async with YclientsControl(url) as control:
            for salon in salons:
                await control.add_salon(salon)
                await control.connect(salon)
            await control.add_quirk(QuirkKind.LATENCY, times=None, latency_ms=YCLIENTS_MS)
            yield control


@contextlib.asynccontextmanager
async def _api(world: World, yclients_url: str) -> AsyncIterator[str]:
    port = free_port()
    environment = {
        **world.environment,
        "API_PORT": str(port),
        "YCLIENTS_URL": yclients_url,
        "YCLIENTS_PARTNER_TOKEN": PARTNER_TOKEN,
        "YCLIENTS_APP_ID": "77",
    }
    url = f"http://127.0.0.1:{port}"
    process = ServiceProcess("api_service", environment, world.folder / "redirects-api.log")
    try:
        await asyncio.to_thread(process.wait_healthy, f"{url}/health")
        yield url
        process.terminate()
    finally:
        process.clean_up()


async def _visit(api_url: str, salon: int) -> float:
    """Milliseconds from the request for the redirect until the whole page is there."""
    await asyncio.sleep(BETWEEN_S)
    query = {"salon_id": str(salon), **signed_query({"id": salon, "salon_name": "Салон"})}
    async with httpx2.AsyncClient(base_url=api_url, trust_env=False, timeout=30) as browser:
        started = time.perf_counter()
        redirect = await browser.get("/auth/yclients/redirect", params=query)
        page = await browser.get(redirect.headers["location"])
        took_ms = (time.perf_counter() - started) * 1000
    assert page.status_code == httpx2.codes.OK
    return took_ms
