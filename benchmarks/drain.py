"""A process hands its salons over, one by one, before it ends."""

from collections.abc import Mapping
from typing import Final

from benchmarks.report import Figure, say
from tests.support.fleet import open_fleet
from tests.support.fleet_ground import Ground
from tests.support.fleet_scenarios import drain

LIMIT_S: Final = 3.0
PATIENCE_S: Final = 120.0


async def measure(ground: Ground) -> tuple[list[Figure], Mapping[str, object]]:
    """Two processes have half of the salons each."""
    async with open_fleet(ground) as fleet:
        await fleet.start_evenly("a", "b", timeout_s=PATIENCE_S)
        outcome = await drain(fleet, "a", PATIENCE_S)
    say(f"  {outcome.describe()}")
    figures = [
        Figure(
            f"drain of {outcome.moved} sessions, each away at most",
            outcome.longest_away_s,
            LIMIT_S,
            "s",
            f"{outcome.describe()}; {outcome.settled_s:.1f} s in all",
            "three at a time: closed here, owned there, opened there",
        ),
        Figure("drain: devices held twice", len(outcome.replaced), 0, "", "", ""),
    ]
    return figures, outcome.numbers()
