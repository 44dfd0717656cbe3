"""Salons of a process that dies, stands still, or has lost Postgres or Redis."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from benchmarks.report import Figure, say
from tests.support.fleet import NAMES, Fleet, open_fleet
from tests.support.fleet_ground import Ground
from tests.support.fleet_scenarios import (
    Outcome,
    deploy,
    kill,
    silent_postgres,
    silent_redis,
    stand_still,
    without_postgres,
    without_redis,
)

LIMIT_S: Final = 45.0
SETTLE_LIMIT_S: Final = 30.0
AWAY_S: Final = 30.0
PAUSE_S: Final = 60.0
PATIENCE_S: Final = 120.0
START_S: Final = 120.0

Scenario = Callable[[Fleet], Awaitable[Outcome]]

OUTAGES: Final[Mapping[str, Scenario]] = {
    "Postgres shut down": partial(without_postgres, away_s=AWAY_S, timeout_s=PATIENCE_S),
    "Postgres silent": partial(silent_postgres, away_s=AWAY_S, timeout_s=PATIENCE_S),
    "Redis shut down": partial(without_redis, away_s=AWAY_S, timeout_s=PATIENCE_S),
    "Redis silent": partial(silent_redis, away_s=AWAY_S, timeout_s=PATIENCE_S),
}


async def measure(ground: Ground) -> tuple[list[Figure], Mapping[str, object]]:
    """Each process is on a machine of its own, as far as they know: nobody sees another's pid."""
    figures: list[Figure] = []
    numbers: dict[str, object] = {}

    def note(name: str, outcome: Outcome, *new: Figure) -> None:
        figures.extend(new)
        numbers[name] = outcome.numbers()
        say(f"  {name}: settled after {outcome.settled_s:.1f} s, {outcome.describe()}")

    async with _apart(ground) as fleet:
        say("  connected; one process is killed")
        outcome = await kill(fleet, "a", PATIENCE_S)
        note("kill", outcome, *_of_kill(outcome))
        await fleet.start("a")
        outcome = await stand_still(fleet, "b", PAUSE_S, PATIENCE_S)
        note("pause", outcome, *_of_pause(outcome))
    async with _apart(ground) as fleet:
        for name, scenario in OUTAGES.items():
            outcome = await scenario(fleet)
            note(name, outcome, *_of_outage(name, outcome))
        outcome = await deploy(fleet, NAMES, PATIENCE_S)
        note("deploy", outcome, *_of_deploy(outcome))
    return figures, numbers


@asynccontextmanager
async def _apart(ground: Ground) -> AsyncIterator[Fleet]:
    async with open_fleet(ground) as fleet:
        fleet.apart = True
        await fleet.start_evenly(*NAMES, timeout_s=START_S)
        yield fleet


def _of_kill(outcome: Outcome) -> list[Figure]:
    return [
        Figure(
            "fail-over after kill -9, last session connected",
            outcome.settled_s,
            LIMIT_S,
            "s",
            f"{outcome.describe()}; best known elsewhere: about 8 min for 100",
            "15 s without a sign of life are the proof; then the restoring",
        ),
        _held_twice("kill -9", outcome),
    ]


def _of_pause(outcome: Outcome) -> list[Figure]:
    return [
        Figure(
            f"one stands still for {PAUSE_S:.0f} s: replaced at most, each salon",
            max(outcome.replaced.values(), default=0),
            1,
            "",
            f"{len(outcome.replaced)} of {outcome.moved} that it held; {outcome.describe()}",
            "its sockets stay open: the network notices when the next owner logs in",
        ),
        Figure(
            "of them salons that it did not hold",
            max(0, len(outcome.replaced) - outcome.moved),
            0,
            "",
            "",
            "",
        ),
    ]


def _of_outage(name: str, outcome: Outcome) -> list[Figure]:
    what = f"{name} for {AWAY_S:.0f} s"
    return [
        Figure(f"{what}: connections lost", outcome.lost, 0, "", outcome.describe(), ""),
        Figure(f"{what}: all settled after", outcome.settled_s, SETTLE_LIMIT_S, "s", "", ""),
    ]


def _of_deploy(outcome: Outcome) -> list[Figure]:
    return [
        _held_twice("rolling deploy of all", outcome),
        Figure(
            "rolling deploy: looks that found a salon without an owner",
            outcome.ownerless,
            0,
            "",
            f"{outcome.describe()}; {outcome.settled_s:.0f} s in all",
            "",
        ),
    ]


def _held_twice(what: str, outcome: Outcome) -> Figure:
    return Figure(
        f"{what}: devices held twice", len(outcome.replaced), 0, "", "counted by the network", ""
    )
