"""What a connected salon costs the WhatsApp process while nothing happens."""

import asyncio
from dataclasses import dataclass
from typing import Final

import psutil

from benchmarks.report import Figure, say
from benchmarks.waits import Salon
from benchmarks.world import World
from shared.messages.events import Connected, Qr
from tests.support.holdings import gauges
from tests.support.waiting import wait_until

AT: Final = 100
AT_ONCE: Final = 6
MEMORY_LIMIT_MB: Final = 2.0
THREADS_LIMIT: Final = 2.0
QUIET_S: Final = 60.0
LINK_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Size:
    sessions: int
    resident_mb: float
    proportional_mb: float
    threads: int
    descriptors: int


async def weigh(world: World) -> Size:
    """Once no linker works and the process has answered what it was asked."""

    async def quiet() -> bool:
        held = await gauges(world.whatsapp_url)
        return held["linkers_in_use"] == 0 and held["session_mailbox_depth"] == 0

    await wait_until(quiet, QUIET_S, "nobody links")
    process = psutil.Process(world.processes["whatsapp_service"].pid)
    memory = process.memory_full_info()
    return Size(
        sessions=(await world.phones.stats()).online_devices,
        resident_mb=memory.rss / 1e6,
        proportional_mb=memory.pss / 1e6,
        threads=process.num_threads(),
        descriptors=process.num_fds(),
    )


async def measure(world: World, before: Size) -> tuple[list[Figure], dict[str, float]]:
    """Link salons until there are 100 more than ``before``."""
    missing = before.sessions + AT - (await world.phones.stats()).online_devices
    say(f"  linking {missing} salons")
    await link_many(world, missing)
    after = await weigh(world)
    gained = after.sessions - before.sessions
    memory = (after.resident_mb - before.resident_mb) / gained
    threads = (after.threads - before.threads) / gained
    beside = (
        f"{after.sessions} sessions, {after.resident_mb:.0f} MB, {after.threads} threads in all"
    )
    figures = [
        Figure(
            "memory for each connected idle session, at 100",
            memory,
            MEMORY_LIMIT_MB,
            "MB",
            f"resident; {beside}",
            "the library: Go's buffers of TLS-free sockets, its caches and Postgres connections",
        ),
        Figure(
            "threads for each connected idle session, at 100",
            threads,
            THREADS_LIMIT,
            "",
            beside,
            "the library: one call stays open for each client",
        ),
    ]
    proportional = (after.proportional_mb - before.proportional_mb) / gained
    descriptors = (after.descriptors - before.descriptors) / gained
    return figures, {
        "memory_mb": memory,
        "proportional_mb": proportional,
        "threads": threads,
        "descriptors": descriptors,
        "sessions": after.sessions,
    }


async def link_many(world: World, salons: int) -> list[Salon]:
    """A few at a time, by QR, without a page."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def link() -> Salon:
        async with slots:
            salon = Salon()
            await world.phones.create_phone(salon.phone)
            await world.bus.request_qr(salon.session_id)
            qr = await world.bus.event(Qr, salon.session_id, timeout_s=LINK_S)
            await world.phones.scan(salon.phone, qr.qr)
            await world.bus.event(Connected, salon.session_id, timeout_s=LINK_S)
            return salon

    return await asyncio.gather(*(link() for _ in range(salons)))
