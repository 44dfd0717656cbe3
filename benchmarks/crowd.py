"""2,000 onboarding pages of as many salons on one API process, and one event for each."""

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import psutil

from benchmarks.crowd_client import FIRST_SALON, LoadProcess
from benchmarks.report import Figure, say
from benchmarks.world import World
from shared.bus.announcement import Announcement, Announcer
from shared.company_id import SessionId
from shared.messages.events import StatusChanged
from shared.messages.snapshot import Snapshot
from shared.messages.status import SessionStatus
from tests.support.holdings import gauges

PAGES: Final = 2_000
PROCESSES: Final = 2
PUBLISHING_AT_ONCE: Final = 20
LIMIT_MS: Final = 500.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """``copies``: events that arrived; one for each page is right."""

    open_pages: float
    latencies_ms: list[float]
    copies: int
    connecting_s: float
    publishing_s: float
    cores_of_api: float


async def measure(world: World) -> tuple[list[Figure], dict[str, float]]:
    crowd = await _measure(world)
    p99 = statistics.quantiles(crowd.latencies_ms, n=100, method="inclusive")[-1]
    rate = PAGES / crowd.publishing_s
    figures = [
        Figure(
            "onboarding pages open at once on one API process, of 2,000 salons",
            crowd.open_pages,
            PAGES,
            "",
            f"all let in within {crowd.connecting_s:.0f} s",
            "the API's one event loop while they come; then nothing",
            at_least=True,
        ),
        Figure(
            "an event published → at its page, p99, with 2,000 pages open",
            p99,
            LIMIT_MS,
            "ms",
            f"median {statistics.median(crowd.latencies_ms):.0f} ms; one for each page, "
            f"published at {rate:,.0f} a second",
            f"the API's one event loop ({crowd.cores_of_api:.2f} of a core) and the load beside it",
        ),
        Figure(
            "pages that got exactly one copy",
            len(crowd.latencies_ms) - (crowd.copies - len(crowd.latencies_ms)),
            PAGES,
            "",
            f"{crowd.copies:,} copies at {len(crowd.latencies_ms):,} pages",
            "",
            at_least=True,
        ),
    ]
    return figures, {
        "open_pages": crowd.open_pages,
        "p50_ms": statistics.median(crowd.latencies_ms),
        "p99_ms": p99,
        "max_ms": max(crowd.latencies_ms),
        "copies": crowd.copies,
        "connecting_s": crowd.connecting_s,
        "events_per_s": rate,
        "cores_of_api": crowd.cores_of_api,
    }


async def _measure(world: World) -> Crowd:
    api = psutil.Process(world.processes["api_service"].pid)
    share = PAGES // PROCESSES
    began = time.perf_counter()
    async with AsyncExitStack() as stack:
        load = [
            await stack.enter_async_context(
                LoadProcess.start(world.api_url, FIRST_SALON + number * share, share)
            )
            for number in range(PROCESSES)
        ]
        for process in load:
            await process.ready()
        connecting_s = time.perf_counter() - began
        open_pages = (await gauges(world.api_url))["realtime_connections"]
        say(f"  {open_pages:,.0f} pages are open after {connecting_s:.0f} s")
        busy_s, began = sum(api.cpu_times()[:2]), time.perf_counter()
        published = await _publish(world)
        publishing_s = time.perf_counter() - began
        arrivals = {key: at for process in load for key, at in (await process.arrivals()).items()}
        cores = (sum(api.cpu_times()[:2]) - busy_s) / (time.perf_counter() - began)
    latencies = [(at[0] - published[salon]) * 1000 for salon, at in arrivals.items() if at]
    copies = sum(len(at) for at in arrivals.values())
    return Crowd(open_pages, latencies, copies, connecting_s, publishing_s, cores)


async def _publish(world: World) -> dict[int, float]:
    """Seconds of the epoch at which each salon's event was handed to Redis, as fast as it takes."""
    announcer = Announcer(world.bus.redis)
    salons = iter(range(FIRST_SALON, FIRST_SALON + PAGES))
    published: dict[int, float] = {}

    async def work() -> None:
        for salon in salons:
            session_id = SessionId(f"company_{salon}")
            event = StatusChanged(company_id=session_id, status=SessionStatus.CONNECTING)
            snapshot = Snapshot(company_id=session_id, status=SessionStatus.CONNECTING)
            published[salon] = time.time()
            await announcer.announce(Announcement(snapshot, event))

    await asyncio.gather(*(work() for _ in range(PUBLISHING_AT_ONCE)))
    return published
