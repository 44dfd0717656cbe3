"""What POST /marketplace/activate adds to the calls of YClients that it makes."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final

import httpx2
import psycopg
from redis.asyncio import Redis

from benchmarks.report import Figure
from benchmarks.waits import p95
from benchmarks.world import World
from sandbox.services.ports import free_port
from sandbox.yclients.control_client import YclientsControl
from shared.bus import keys
from shared.company_id import SalonId, session_id_of
from shared.messages.snapshot import Snapshot
from shared.messages.status import SessionStatus
from tests.support.api import PARTNER_TOKEN, token_for
from tests.support.processes import ServiceProcess
from tests.support.yclients import APPLICATION_ID, yclients_process

ADDED_MS: Final = 30.0
WARM_UP: Final = 2
BETWEEN_S: Final = 0.8
"""Two calls each: the budget of calls is not what is measured."""
FIRST_SALON: Final = 800_001
HEADERS: Final = {
    "Authorization": f"Bearer {PARTNER_TOKEN}",
    "Accept": "application/vnd.yclients.v2+json",
}


async def measure(world: World, rounds: int) -> tuple[list[Figure], dict[str, list[float]]]:
    """An API process and a YClients of its own; activations and bare calls take turns."""
    port = free_port()
    posts: list[float] = []
    bare: list[float] = []
    with _yclients(world, port) as yclients_url:
        async with (
            YclientsControl(yclients_url) as control,
            _api(world, port, yclients_url) as api,
            httpx2.AsyncClient(base_url=yclients_url, headers=HEADERS, trust_env=False) as direct,
            Redis.from_url(world.environment["REDIS_URL"]) as redis,
        ):
            for number in range(FIRST_SALON, FIRST_SALON + 2 * (rounds + WARM_UP), 2):
                await _await_connection(control, number)
                await _await_connection(control, number + 1)
                await _link(world, redis, number)
                posts.append(await _post(api, number))
                bare.append(await _call(direct, number + 1))
                await asyncio.sleep(BETWEEN_S)
    posts, bare = posts[WARM_UP:], bare[WARM_UP:]
    figure = Figure(
        "POST /marketplace/activate, p95",
        p95(posts),
        p95(bare) + ADDED_MS,
        "ms",
        f"the two YClients calls alone {p95(bare):.1f} ms + {ADDED_MS:.0f}; "
        f"medians {statistics.median(posts):.1f} and {statistics.median(bare):.1f} ms",
        "a claim and five statements around two calls",
    )
    return [figure], {"activate_post_ms": posts, "yclients_calls_ms": bare}


@contextlib.contextmanager
def _yclients(world: World, api_port: int) -> Iterator[str]:
    log = world.folder / "activation-yclients.log"
    with yclients_process(f"http://127.0.0.1:{api_port}", log) as url:
        yield url


@contextlib.asynccontextmanager
async def _api(world: World, port: int, yclients_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    environment = {
        **world.environment,
        "API_PORT": str(port),
        "YCLIENTS_URL": yclients_url,
        "YCLIENTS_PARTNER_TOKEN": PARTNER_TOKEN,
        "YCLIENTS_APP_ID": str(APPLICATION_ID),
        "USE_TRANSACTION_ACTIVATION": "true",
    }
    url = f"http://127.0.0.1:{port}"
    process = ServiceProcess("api_service", environment, world.folder / "activation-api.log")
    try:
        await asyncio.to_thread(process.wait_healthy, f"{url}/health")
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=40) as http:
            yield http
        process.terminate()
    finally:
        process.clean_up()


async def _await_connection(control: YclientsControl, salon: int) -> None:
    await control.add_salon(salon)
    await control.connect(salon)


async def _link(world: World, redis: Redis, salon: int) -> None:
    """As a session leaves it, but told to nobody: whoever asks first has it activated."""
    with psycopg.connect(world.environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "INSERT INTO companies (yclients_id, integration_status) VALUES (%s, %s)",
            [salon, "pending_whatsapp"],
        )
    session_id = session_id_of(SalonId(salon))
    snapshot = Snapshot(
        company_id=session_id,
        status=SessionStatus.CONNECTED,
        connected=True,
        phone_number="79990000001",
    )
    for name, value in snapshot.to_hash().items():
        await redis.hset(keys.session_snapshot(session_id), name, value)


async def _post(api: httpx2.AsyncClient, salon: int) -> float:
    token = token_for(salon)
    started = time.perf_counter()
    answer = await api.post("/marketplace/activate", json={"token": token})
    took_ms = (time.perf_counter() - started) * 1000
    assert answer.status_code == httpx2.codes.OK, answer.text
    return took_ms


async def _call(direct: httpx2.AsyncClient, salon: int) -> float:
    body = {"salon_id": salon, "application_id": APPLICATION_ID, "api_key": "key"}
    started = time.perf_counter()
    accepted = await direct.post("/marketplace/partner/callback/redirect", json=body)
    found = await direct.get(f"/marketplace/salon/{salon}/application/{APPLICATION_ID}")
    took_ms = (time.perf_counter() - started) * 1000
    assert accepted.status_code == httpx2.codes.MOVED_PERMANENTLY, accepted.text
    assert found.json()["data"]["connection_status"]["status"] == "active"
    return took_ms
