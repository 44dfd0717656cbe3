"""``python -m benchmarks.trials``: long runs after which everything is what it was.

Abandoned link attempts, dropped connections and restarts of linked salons, pages that come and go,
Redis coming back empty. Prints its progress, ends by itself, keeps a report.
"""

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from traceback import format_exception
from typing import Any, Final

import httpx2

from benchmarks.idle import link_many
from benchmarks.report import Report, say
from benchmarks.waits import Salon
from benchmarks.world import World, whole_world
from shared.company_id import SalonId
from tests.support.abandonment import ROUND, Owner, one_round, warm_up
from tests.support.api import token_for
from tests.support.holdings import SMALL_POOLS, Counts, settled, table, without
from tests.support.page import open_page
from tests.support.waiting import wait_until

SALONS: Final = 20
REHEARSALS: Final = 3
DROPS: Final = 200
PROCESS_RESTARTS: Final = 4
PAGES: Final = 1_000
PAGES_AT_ONCE: Final = 25
REDIS_RESTARTS: Final = 5
SETTLE_S: Final = 180.0
BACK_S: Final = 60.0
PING_BACK_S: Final = 5.0
PAGE_TOLD_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Trial:
    """``deadline_s`` bounds it, with its settling."""

    name: str
    run: Callable[[World, list[Salon]], Awaitable[str]]
    deadline_s: float
    same_processes: bool = True


async def abandoned(world: World, _: list[Salon], attempts: int) -> str:
    done = 0
    while done < attempts:
        done += await one_round(world.system)
        say(f"  {done} of {attempts} attempts abandoned")
    return f"{done} link attempts, none of which linked"


async def dropped(world: World, salons: list[Salon]) -> str:
    """All salons' connections, one after the other, again and again."""
    for number in range(DROPS // SALONS):
        await _drop_all(world, salons)
        say(f"  {(number + 1) * SALONS} of {DROPS} connections dropped")
    await _all_connected(world, salons)
    return f"{DROPS} connections of {SALONS} linked salons dropped, each back by itself"


async def _drop_all(world: World, salons: list[Salon]) -> None:
    before = (await world.phones.stats()).logins
    for salon in salons:
        await world.phones.drop(salon.phone)
    back = partial(_logged_in_since, world, before + len(salons))
    await wait_until(back, BACK_S, "everybody has logged in again")


async def restarted(world: World, salons: list[Salon]) -> str:
    """The whole process, in order and by kill in turn."""
    slowest_s = 0.0
    for number in range(PROCESS_RESTARTS):
        process = world.processes["whatsapp_service"]
        if number % 2:
            process.kill()
        else:
            process.terminate()
        began = time.monotonic()
        await asyncio.to_thread(world.start, "whatsapp_service")
        await _all_connected(world, salons)
        slowest_s = max(slowest_s, time.monotonic() - began)
        say(f"  restart {number + 1} of {PROCESS_RESTARTS}")
    return (
        f"{PROCESS_RESTARTS * SALONS} restarts of sessions ({PROCESS_RESTARTS} of the process, "
        f"every other by kill); all connected again within {slowest_s:.1f} s"
    )


async def came_and_went(world: World, _: list[Salon]) -> str:
    await _visit(world, PAGES)
    return f"{PAGES:,} pages came and went, {PAGES_AT_ONCE} at a time, a quarter by polling"


async def _visit(world: World, pages: int) -> None:
    slots = asyncio.Semaphore(PAGES_AT_ONCE)

    async def visit(number: int) -> None:
        async with slots:
            transport: Any = "polling" if number % 4 == 0 else "websocket"
            owner = Owner(world.system)
            async with owner.page(transport=transport) as page:
                await page.next("status")

    await asyncio.gather(*(visit(number) for number in range(pages)))


async def redis_restarted(world: World, salons: list[Salon]) -> str:
    """It comes back empty each time, while a page of each salon is open."""
    slowest_s = 0.0
    async with contextlib.AsyncExitStack() as stack:
        pages = [
            await stack.enter_async_context(
                open_page(world.api_url, token_for(SalonId(salon.number)))
            )
            for salon in salons
        ]
        for number in range(REDIS_RESTARTS):
            told = [len(page.told) for page in pages]
            await asyncio.to_thread(world.restart_redis)
            began = time.monotonic()
            await wait_until(partial(_ping_works, world), 2 * PING_BACK_S, "ping and pong")
            slowest_s = max(slowest_s, time.monotonic() - began)
            for page, before in zip(pages, told, strict=True):
                told_connected = partial(_is_told_connected, page.told, before)
                await wait_until(told_connected, PAGE_TOLD_S, "the page is told again")
            await _all_connected(world, salons)
            say(f"  Redis restart {number + 1} of {REDIS_RESTARTS}")
    if slowest_s > PING_BACK_S:
        raise AssertionError(f"ping and pong came back only after {slowest_s:.1f} s")
    return f"Redis came back empty {REDIS_RESTARTS} times; ping worked within {slowest_s:.1f} s"


async def run(report: Report, attempts: int, chosen: set[str]) -> bool:
    """False when something did not come back to where it was."""
    trials = [
        Trial("abandoned", partial(abandoned, attempts=attempts), 300 + attempts * 1.5),
        Trial("dropped", dropped, 600),
        Trial("pages", came_and_went, 600),
        Trial("redis", redis_restarted, 600),
        Trial("restarted", restarted, 600, same_processes=False),
    ]
    healthy = True
    async with whole_world(**SMALL_POOLS) as world:
        say("warming up")
        await warm_up(world.system)
        await _visit(world, 2 * PAGES_AT_ONCE)
        await world.phones.change_settings(qr_refs=6, qr_first_window_s=60.0)
        for trial in trials:
            if not chosen or trial.name in chosen:
                healthy &= await _attempt(world, trial, report)
    return healthy


async def _attempt(world: World, trial: Trial, report: Report) -> bool:
    say(trial.name)
    began = time.monotonic()
    try:
        async with asyncio.timeout(trial.deadline_s):
            salons = [] if trial.name == "abandoned" else await _linked_salons(world)
            before = await settled(world.system, None, SETTLE_S, linked=len(salons))
            what = await trial.run(world, salons)
            same = before if trial.same_processes else without(before, "whatsapp: ")
            after = await settled(world.system, same, SETTLE_S, linked=len(salons))
    except Exception as error:  # noqa: BLE001 - the other trials are worth running
        report.facts += [f"## {trial.name}: FAILED", "", "".join(format_exception(error)), ""]
        say(f"  FAILED: {error!r}")
        return False
    took_s = time.monotonic() - began
    _note(report, trial, f"{what}; {took_s:.0f} s with settling.", before, after)
    return True


def _note(report: Report, trial: Trial, what: str, before: Counts, after: Counts) -> None:
    say(f"  {what}")
    report.numbers[trial.name] = {"what": what, "before": before, "after": after}
    report.facts += [f"## {trial.name}", "", what, "", table(before, after), ""]


async def _linked_salons(world: World) -> list[Salon]:
    """Linked and used a little: the library has opened what it keeps."""
    missing = SALONS - len(_linked)
    if missing:
        _linked.extend(await link_many(world, missing))
        for _ in range(REHEARSALS):
            await _drop_all(world, _linked)
    return _linked


_linked: list[Salon] = []


async def _all_connected(world: World, salons: list[Salon]) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as http:

        async def connected() -> bool:
            sessions = (await http.get(f"{world.whatsapp_url}/health")).json()["sessions"]
            return all(sessions.get(it.session_id, {}).get("connected") for it in salons)

        await wait_until(connected, BACK_S, "all salons are connected")


async def _logged_in_since(world: World, logins: int) -> bool:
    return (await world.phones.stats()).logins >= logins


async def _ping_works(world: World) -> bool:
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as http:
        answer = await http.get(f"{world.api_url}/health/pubsub", params={"timeout": "500"})
        return answer.status_code == httpx2.codes.OK


def _is_told_connected(told: list[tuple[str, Any]], before: int) -> bool:
    return any(
        name == "status" and payload["status"] == "connected" for name, payload in told[before:]
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trials")
    parser.add_argument("--attempts", type=int, default=500, help=f"rounded up to {ROUND}s")
    parser.add_argument("trials", nargs="*", help="abandoned dropped pages redis restarted")
    arguments = parser.parse_args()
    report = Report("Trials", f"make trials, {arguments.attempts} attempts")
    healthy = asyncio.run(run(report, arguments.attempts, set(arguments.trials)))
    report.facts.insert(0, "Everything is what it was.\n" if healthy else "**Not all is well.**\n")
    for path in report.keep("trials"):
        say(f"kept in {path}")
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
