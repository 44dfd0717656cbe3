"""All salons of one WhatsApp process, connected again after a restart."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from benchmarks.report import Figure, say
from tests.support.fleet import Fleet, open_fleet
from tests.support.fleet_ground import Ground
from tests.support.fleet_recorder import recording
from tests.support.fleet_scenarios import processor_s

LIMIT_S: Final = 30.0
MEMORY_LIMIT_MB: Final = 2.0
PATIENCE_S: Final = 120.0
QUIET_S: Final = 10.0
"""After the last login: what the restoring itself needed is given back, or is not."""


async def measure(ground: Ground) -> tuple[list[Figure], Mapping[str, object]]:
    async with open_fleet(ground) as fleet:
        await fleet.start("a")
        await fleet.all_connected(PATIENCE_S)
        await fleet.terminate("a")
        say(f"  {len(ground.salons)} salons were connected; the process is started again")
        return await _restart(fleet)


async def _restart(fleet: Fleet) -> tuple[list[Figure], Mapping[str, object]]:
    salons = len(fleet.ground.salons)
    began = time.monotonic()
    async with recording(fleet) as recorder:
        fleet.member("a").launch()
        await fleet.wait_healthy(fleet.members["a"])
        healthy_s = time.monotonic() - began
        connected_before = salons - len(await fleet.missing())
        before_mb, used_s = _resident_mb(fleet), processor_s(fleet, "a")
        await fleet.all_connected(PATIENCE_S)
        took_s = time.monotonic() - began
        used_s = processor_s(fleet, "a") - used_s
        await asyncio.sleep(QUIET_S)
        after_mb = _resident_mb(fleet)
        replaced = await recorder.replaced()
    each_mb = (after_mb - before_mb) / (salons - connected_before)
    figures = [
        Figure(
            f"{salons} sessions restored after a restart, all connected",
            took_s,
            LIMIT_S,
            "s",
            f"healthy after {healthy_s:.1f} s; {used_s:.1f} s of a core; {len(replaced)} replaced",
            "the library registers one client at a time; three Postgres connections for each",
        ),
        Figure(
            "memory for each restored session",
            each_mb,
            MEMORY_LIMIT_MB,
            "MB",
            f"resident, {before_mb:.0f} MB → {after_mb:.0f} MB",
            "the library",
        ),
    ]
    return figures, {
        "took_s": took_s,
        "healthy_s": healthy_s,
        "processor_s": used_s,
        "each_mb": each_mb,
        "replaced": len(replaced),
    }


def _resident_mb(fleet: Fleet) -> float:
    return float(fleet.members["a"].usage().memory_info().rss) / 1e6
