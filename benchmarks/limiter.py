"""Three processes that ask YClients for more than there is, and what of it arrives there."""

import asyncio
import json
import sys
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.report import Figure
from benchmarks.world import World
from tests.support.scripted_yclients import scripted_yclients, success

PROCESSES: Final = 3
PER_SECOND: Final = 5
PER_MINUTE: Final = 200
OURS_PER_MINUTE: Final = 180
ENOUGH: Final = 0.95
MINUTE_S: Final = 60.0
PATIENCE_S: Final = 30.0
_ACTIVE: Final = success({"connection_status": {"status": "active"}})


async def measure(world: World, seconds: float) -> tuple[list[Figure], dict[str, Any]]:
    """In a database of their own: nothing else takes turns there."""
    redis_url = world.redis_setup.url().removesuffix("/0") + "/1"
    moments, ends = await _press(redis_url, seconds)
    share = len(moments) / (OURS_PER_MINUTE * seconds / MINUTE_S)
    beside = f"{PROCESSES} processes, {seconds:.0f} s; YClients allows 5 a second and 200 a minute"
    figures = [
        Figure(
            "calls that arrived at YClients within any second, at most",
            most_within(moments, 1.0),
            PER_SECOND,
            "",
            beside,
            "turns of the budget are spread, so that no delay on the way brings 6 together",
        ),
        Figure(
            "calls that arrived at YClients within any minute, at most",
            most_within(moments, MINUTE_S),
            PER_MINUTE,
            "",
            beside,
            f"ours are {OURS_PER_MINUTE} in 60.5 s",
        ),
        Figure(
            "share of the 180 calls a minute that was used under pressure",
            100 * share,
            100 * ENOUGH,
            "%",
            f"{len(moments)} calls arrived, {ends['ok']} were answered",
            "turns that pass while their process is busy",
            at_least=True,
        ),
    ]
    first = moments[0]
    return figures, {"ends": ends, "arrived_s": [round(at - first, 4) for at in moments]}


async def _press(redis_url: str, seconds: float) -> tuple[list[float], Counter[str]]:
    moments: list[float] = []

    async def count_and_answer(writer: asyncio.StreamWriter) -> None:
        moments.append(time.monotonic())
        await _ACTIVE(writer)

    async with scripted_yclients() as yclients:
        yclients.will(count_and_answer)
        told = await asyncio.gather(
            *(_pressing_process(redis_url, yclients.url, seconds) for _ in range(PROCESSES))
        )
    return moments, sum(told, Counter[str]())


async def _pressing_process(redis_url: str, yclients_url: str, seconds: float) -> Counter[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.limiter_client"),
        *(redis_url, yclients_url, str(seconds)),
        cwd=Path(__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds + PATIENCE_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Counter(json.loads(output))


def most_within(moments: Sequence[float], window_s: float) -> int:
    """The most of these, which are in order, that lie within any stretch of time so long."""
    return max(
        bisect_left(moments, start + window_s) - position for position, start in enumerate(moments)
    )
