"""How many connections to Postgres linked salons take: straight, and through PgBouncer."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import psutil

from benchmarks.report import Figure, say
from tests.support.fleet import NAMES, Fleet, open_fleet
from tests.support.fleet_ground import Ground
from tests.support.pgbouncer import pgbouncer_for, server_connections
from tests.support.waiting import wait_until

LIMIT: Final = 60
OUR_OWN: Final = "whatsapp-service"
PATIENCE_S: Final = 120.0
QUIET_S: Final = 5.0
LOOK_EVERY_S: Final = 0.05

Count = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Life:
    """``most`` while all salons were opened, lost their connection at once and logged in again."""

    restored_s: float
    stormed_s: float
    most: int
    quiet: int


async def measure(ground: Ground) -> tuple[list[Figure], Mapping[str, object]]:
    async with open_fleet(ground) as fleet:
        say("  straight to Postgres")
        straight = await _live(fleet, lambda: _of_the_library(ground))
    with pgbouncer_for(ground.database_url) as pgbouncer:
        through = {
            "WHATSAPP_STORE_URL": pgbouncer.url,
            "WHATSAPP_STORE_SCHEMA_URL": ground.database_url,
        }
        async with open_fleet(ground, **through) as fleet:
            say("  through PgBouncer")
            server = await asyncio.to_thread(pgbouncer.start)
            try:
                port = ground.postgres_setup.port
                pooled = await _live(fleet, lambda: _to(port, server.pid))
            finally:
                server.stop()
    salons = len(ground.salons)
    figures = [
        Figure(
            f"connections to Postgres for {salons} salons, at most",
            pooled.most,
            LIMIT,
            "",
            f"as deploy/pgbouncer.ini says; {pooled.quiet} when nothing happens; restored in "
            f"{pooled.restored_s:.1f} s, all logged in again in {pooled.stormed_s:.1f} s",
            f"straight: {straight.most}, {straight.quiet} when nothing happens; "
            f"{straight.restored_s:.1f} s and {straight.stormed_s:.1f} s",
        )
    ]
    return figures, {"straight": _shown(straight), "through_pgbouncer": _shown(pooled)}


async def _live(fleet: Fleet, count: Count) -> Life:
    async with _watched(count) as most:
        began = time.monotonic()
        await fleet.start(*NAMES)
        await fleet.all_connected(PATIENCE_S)
        restored_s = time.monotonic() - began
        logins = (await fleet.phones.stats()).logins
        began = time.monotonic()
        for salon in fleet.ground.salons:
            await fleet.phones.drop(salon.phone)
        wanted = logins + len(fleet.ground.salons)
        await wait_until(lambda: _logged_in(fleet, wanted), PATIENCE_S, "all have logged in again")
        await fleet.all_connected(PATIENCE_S)
        stormed_s = time.monotonic() - began
        await asyncio.sleep(QUIET_S)
    return Life(restored_s, stormed_s, most[0], await asyncio.to_thread(count))


async def _logged_in(fleet: Fleet, logins: int) -> bool:
    return (await fleet.phones.stats()).logins >= logins


@asynccontextmanager
async def _watched(count: Count) -> AsyncIterator[list[int]]:
    most = [0]

    async def look() -> None:
        while True:
            most[0] = max(most[0], await asyncio.to_thread(count))
            await asyncio.sleep(LOOK_EVERY_S)

    looking = asyncio.create_task(look())
    try:
        yield most
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def _of_the_library(ground: Ground) -> int:
    return sum(name != OUR_OWN for name in server_connections(ground.database_url))


def _to(port: int, pid: int) -> int:
    """Connections of a process to a port."""
    connections = psutil.Process(pid).net_connections("tcp")
    return sum(bool(it.raddr) and it.raddr[1] == port for it in connections)


def _shown(life: Life) -> Mapping[str, float]:
    return {
        "restored_s": life.restored_s,
        "stormed_s": life.stormed_s,
        "most": life.most,
        "quiet": life.quiet,
    }
