"""``python -m benchmarks.soak``: a day of salons' lives in minutes, after which nothing has grown.

Rounds of everything that happens to salons and processes, each followed by a calm moment: every
salon is connected in one process, no device was held twice, and what is held is counted. Everything
is on loopback; it ends by itself and keeps a report.
"""

import argparse
import asyncio
import logging
import random
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx2
import psutil
import structlog

from benchmarks.report import Report, say
from benchmarks.soak_life import Life
from benchmarks.soak_samples import (
    RETIRE_AFTER_CLIENTS,
    Sample,
    library_rests,
    take_sample,
    trends,
)
from tests.support.fleet import NAMES, Fleet, open_fleet
from tests.support.fleet_ground import Ground, open_ground
from tests.support.fleet_recorder import Recorder, recording
from tests.support.fleet_scenarios import all_healthy
from tests.support.holdings import gauges
from tests.support.waiting import wait_until

SALONS: Final = 36
ROUND_S: Final = 30.0
CALM_S: Final = 180.0
"""A ban lasts a minute."""
QR_WINDOWS: Final = {"qr_refs": 2, "qr_first_window_s": 10.0, "qr_next_window_s": 5.0}
"""A QR that nobody scans runs out after a quarter of a minute, not after almost three."""
START_S: Final = 60.0
OVERTIME_S: Final = 600.0
ENVIRONMENT: Final = {
    "SESSION_SWEEP_S": "1",
    "RECONNECT_FIRST_S": "0.5",
    "RECONNECT_SLOW_S": "10",
    "CONNECTION_STABLE_S": "3",
    "RETIRE_AFTER_CLIENTS": str(RETIRE_AFTER_CLIENTS),
}
"""Patience is compressed as the day is, and what a process may leave behind in it."""
STORE_IDLE_S: Final = 2


class SoakFailedError(Exception):
    """Something was not as it must be at a calm moment."""


async def run(report: Report, ground: Ground, minutes: float, seed: int) -> bool:
    samples: list[Sample] = []
    store = {"WHATSAPP_STORE_URL": ground.store_url(STORE_IDLE_S)}
    async with open_fleet(ground, **ENVIRONMENT, **store) as fleet:
        await fleet.start_evenly(*NAMES, timeout_s=START_S)
        await fleet.phones.change_settings(**QR_WINDOWS)
        life = Life(fleet, random.Random(seed))  # noqa: S311 - chance, not secrecy
        try:
            async with recording(fleet) as recorder, asyncio.timeout(minutes * 60 + OVERTIME_S):
                await _rounds(life, recorder, samples, time.monotonic() + minutes * 60)
        except (SoakFailedError, TimeoutError, ExceptionGroup) as error:
            say(f"FAILED: {error!r}")
            report.facts += [f"**Failed in round {life.round}:** {error!r}", ""]
            return _note(report, life, samples, minutes) and False
    return _note(report, life, samples, minutes)


async def _rounds(life: Life, recorder: Recorder, samples: list[Sample], end: float) -> None:
    while time.monotonic() < end:
        await life.live(ROUND_S)
        await _calm(life.fleet, recorder)
        life.deeds["retirements"] = sum("process_retires" in log for log in life.fleet.logs())
        with suppress(psutil.NoSuchProcess):  # it has just retired: a round without a sample
            samples.append(await take_sample(life.fleet))
        deeds = ", ".join(f"{number} {deed}" for deed, number in sorted(life.deeds.items()))
        say(f"  round {life.round}: {deeds}")


async def _calm(fleet: Fleet, recorder: Recorder) -> None:
    """Raises SoakFailedError or TimeoutError."""
    await fleet.phones.clear_faults()
    await fleet.all_connected(CALM_S)

    async def calm() -> bool:
        return await _at_rest(fleet) and not await fleet.missing()

    await wait_until(calm, CALM_S, "nobody links or retires, and every salon is connected")
    # What was just at work would count as held: the library keeps it until Postgres ends it.
    await wait_until(lambda: library_rests(fleet.ground), CALM_S, "the library has no connection")
    complaints = {
        "held twice": await recorder.replaced(),
        "stale events": recorder.stale(),
        "not understood": await fleet.phones.unknown_stanzas(),
        "work failed": [log for log in fleet.logs() if "session_work_failed" in log][:1],
    }
    told = {name: what for name, what in complaints.items() if what}
    if told:
        raise SoakFailedError(str(told)[:2_000])


async def _at_rest(fleet: Fleet) -> bool:
    """All are there, no link attempt is under way, and nobody has left so much that he retires."""
    members = fleet.members.values()
    if not all(member.runs for member in members) or not await all_healthy(fleet):
        return False
    try:
        held = [await gauges(member.url) for member in members]
    except httpx2.TransportError:
        return False
    return all(
        it["linkers_in_use"] == it["linkers_queued"] == 0
        and it["clients_left_behind"] < it["clients_left_behind_limit"]
        for it in held
    )


def _note(report: Report, life: Life, samples: list[Sample], minutes: float) -> bool:
    deeds = dict(sorted(life.deeds.items()))
    report.numbers.update(rounds=life.round, deeds=deeds, samples=samples)
    report.facts += ["| what happened | times |", "|---|---:|"]
    report.facts += [f"| {deed} | {number:,} |" for deed, number in deeds.items()]
    found = trends(samples, minutes)
    if not found:
        report.facts += ["", "Too short to tell whether anything grows."]
        return False
    report.facts += [
        "",
        f"Medians over {len(samples)} calm moments:",
        "",
        "| held by all together | second third | last third | at most |",
        "|---|---:|---:|---:|",
        *(trend.row() for trend in found),
    ]
    growing = [trend.name for trend in found if not trend.flat]
    if growing:
        say(f"growing: {', '.join(growing)}")
    if not deeds["retirements"]:
        report.facts += ["", "No process has retired: what closed clients leave was not put right."]
    return not growing and deeds["retirements"] > 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--logs", type=Path, help="keep the processes' logs in this folder")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    command = f"python -m benchmarks.soak --minutes {arguments.minutes:g} --seed {arguments.seed}"
    report = Report("Soak", command)
    say(command)
    with open_ground(SALONS) as ground:
        healthy = asyncio.run(run(report, ground, arguments.minutes, arguments.seed))
        if arguments.logs:
            for log in ground.folder.glob("*.log"):
                shutil.copy(log, arguments.logs)
    report.facts.insert(0, "Nothing has grown.\n" if healthy else "**Not all is well.**\n")
    for path in report.keep("soak"):
        say(f"kept in {path}")
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
