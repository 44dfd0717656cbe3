"""``python -m benchmarks``: every figure of the project beside its limit or peer, from one run."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping

import structlog

from benchmarks import (
    activation,
    bus,
    connections,
    crowd,
    drain,
    failover,
    idle,
    limiter,
    ownership,
    redirects,
    restore,
    waits,
    webhooks,
)
from benchmarks.report import Figure, Report, say
from benchmarks.world import World, whole_world
from tests.support.fleet_ground import Ground, open_ground

Measured = tuple[list[Figure], Mapping[str, object]]

SALONS = 200
FLEET: Mapping[str, Callable[[Ground], Awaitable[Measured]]] = {
    "restore": restore.measure,
    "failover": failover.measure,
    "drain": drain.measure,
    "ownership": ownership.measure,
    "connections": connections.measure,
}
"""What is measured with several WhatsApp processes over salons that are linked already."""

LINKERS = {"LINKER_CAPACITY": "20", "LINKER_SPARES": "2", "SESSION_SWEEP_S": "30"}


async def run_world(report: Report, *, quick: bool, chosen: set[str]) -> None:
    async with whole_world(**LINKERS) as world:
        say("one salon is linked, so that everything is loaded")
        await idle.link_many(world, 1)
        before = await idle.weigh(world)
        measurements: dict[str, Callable[[], Awaitable[Measured]]] = {
            "bus": lambda: bus.measure(world, 200 if quick else 1_000),
            "waits": lambda: waits.measure(world, 5 if quick else 20),
            "idle": lambda: idle.measure(world, before),
            "crowd": lambda: crowd.measure(world),
            "redirects": lambda: redirects.measure(world, 10 if quick else 60),
            "activation": lambda: activation.measure(world, 10 if quick else 60),
            "webhooks": lambda: webhooks.measure(world, 300 if quick else 2_000),
            "limiter": lambda: limiter.measure(world, 20.0 if quick else 60.0),
        }
        for name, measure in measurements.items():
            if not chosen or name in chosen:
                say(name)
                _keep(report, name, await measure())
        report.facts.append(await _replaced(world))


async def run_fleet(report: Report, ground: Ground, names: list[str]) -> None:
    for name in names:
        say(name)
        _keep(report, name, await FLEET[name](ground))


def run(report: Report, *, quick: bool, chosen: set[str]) -> None:
    """The fleet's are not among the quick ones, unless they are chosen."""
    fleet = [name for name in FLEET if name in chosen or not (chosen or quick)]
    if not chosen or chosen - FLEET.keys():
        asyncio.run(run_world(report, quick=quick, chosen=chosen))
    if fleet:
        say(f"{SALONS} salons are made")
        with open_ground(SALONS) as ground:
            asyncio.run(run_fleet(report, ground, fleet))


def _keep(report: Report, name: str, measured: Measured) -> None:
    figures, report.numbers[name] = measured
    for figure in figures:
        report.figures.append(figure)
        say(f"  {figure.name}: {figure.value:,.4g} {figure.unit} (limit {figure.limit:,.4g})")


async def _replaced(world: World) -> str:
    stats = await world.phones.stats()
    return f"Devices linked: {stats.pairings}; connections replaced by another: {stats.replaced}."


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, nothing kept")
    parser.add_argument(
        "chosen",
        nargs="*",
        help="bus waits idle crowd redirects activation webhooks limiter restore failover drain "
        "ownership connections; all, kept, by default",
    )
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    quick, chosen = arguments.quick, set(arguments.chosen)
    report = Report("Figures", " ".join(["python -m benchmarks", *sys.argv[1:]]))
    run(report, quick=quick, chosen=chosen)
    sys.stdout.write("\n" + report.text())
    if not (quick or chosen):
        for path in report.keep("bench"):
            say(f"kept in {path}")
    return 0 if report.met else 1


if __name__ == "__main__":
    sys.exit(main())
