"""Lifecycle notifications of as many salons at a steady rate, while the queue carries them out."""

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import Final

import httpx2
import psutil
import psycopg

from benchmarks.report import Figure, say
from benchmarks.world import World
from tests.support.salon_rows import lifecycle

RATE: Final = 100.0
LIMIT_MS: Final = 100.0
FIRST_SALON: Final = 3_000_000
EVENTS: Final = ("uninstall", "freeze")
PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Answers:
    """``latencies_ms``: from the moment at which each was due to be sent."""

    latencies_ms: list[float]
    accepted: int
    stored: int
    cores_of_api: float


async def measure(world: World, number: int) -> tuple[list[Figure], dict[str, float]]:
    """``number`` notifications, each of a salon of its own."""
    _add_salons(world, number)
    answers = await _send_all(world, number)
    p99 = statistics.quantiles(answers.latencies_ms, n=100, method="inclusive")[-1]
    median = statistics.median(answers.latencies_ms)
    say(f"  {answers.accepted:,} answered, {answers.stored:,} stored at the end")
    figures = [
        Figure(
            "lifecycle webhook answered, p99 at 100/s over many salons",
            p99,
            LIMIT_MS,
            "ms",
            f"median {median:.1f} ms; {number:,} salons, the queue at work meanwhile",
            f"the API's one event loop ({answers.cores_of_api:.2f} of a core) beside all the rest",
        ),
        Figure(
            "of them accepted, and stored when they were answered",
            min(answers.accepted, answers.stored),
            number,
            "",
            f"{answers.accepted:,} accepted, {answers.stored:,} in Postgres or kept",
            "",
            at_least=True,
        ),
    ]
    return figures, {
        "p50_ms": median,
        "p99_ms": p99,
        "max_ms": max(answers.latencies_ms),
        "accepted": answers.accepted,
        "stored": answers.stored,
        "cores_of_api": answers.cores_of_api,
    }


def _add_salons(world: World, number: int) -> None:
    with psycopg.connect(world.environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "INSERT INTO companies (yclients_id, integration_status, installation)"
            " SELECT %s + n, 'active', 1 FROM generate_series(0, %s) AS n",
            [FIRST_SALON, number - 1],
        )


async def _send_all(world: World, number: int) -> Answers:
    latencies: list[float] = []
    accepted = 0
    limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx2.AsyncClient(
        base_url=world.api_url, trust_env=False, timeout=PATIENCE_S, limits=limits
    ) as http:

        async def send(index: int, due: float) -> None:
            nonlocal accepted
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            body = lifecycle(FIRST_SALON + index, EVENTS[index % len(EVENTS)])
            answer = await http.post("/webhook/yclients", json=body)
            latencies.append((time.perf_counter() - due) * 1000)
            accepted += bool(answer.json().get("webhook_id"))

        api = psutil.Process(world.processes["api_service"].pid)
        busy_s = sum(api.cpu_times()[:2])
        began = time.perf_counter() + 1.0
        await asyncio.gather(*(send(index, began + index / RATE) for index in range(number)))
        cores = (sum(api.cpu_times()[:2]) - busy_s) / (time.perf_counter() - began)
    return Answers(latencies, accepted, await _stored(world), cores)


async def _stored(world: World) -> int:
    """In Postgres, or kept by Redis for it."""
    kept = int(await world.bus.redis.xlen("marketplace:webhooks:kept"))
    with psycopg.connect(world.environment["DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT count(*) FROM marketplace_webhooks WHERE salon_id >= %s", [FIRST_SALON]
        ).fetchone()
    assert row is not None
    return int(row[0]) + kept
