"""A process that alone cannot reach Redis: its salons are with the other one soon, and whole."""

from collections import Counter
from typing import Final

import pytest

from shared.company_id import SalonId, SessionId
from tests.support.api import token_for
from tests.support.api_process import ApiProcess
from tests.support.fleet import Fleet
from tests.support.fleet_fixtures import fleet, fleet_ground
from tests.support.fleet_recorder import recording
from tests.support.fleet_scenarios import held_by
from tests.support.holdings import gauges
from tests.support.page import Page, open_page
from tests.support.processes import Starter
from tests.support.waiting import wait_until
from tests.support.wire import Wire, wire_to

__all__ = ["fleet", "fleet_ground"]

HANDED_OVER_S: Final = 120.0
"""60 s on an idle machine (`make bench`). Without it they would stay where they are for ever: the
other must have reached Redis for 20 s without a gap, and a busy machine makes gaps."""
AWAY_S: Final = 20.0
"""Closed here, and opened at the other's next look, within 3 s."""


@pytest.mark.timeout(300)
async def test_its_salons_go_to_the_other_and_what_it_says_late_is_dropped(
    fleet: Fleet, start_process: Starter
) -> None:
    api = ApiProcess.beside(fleet.ground.environment, start_process)
    api.start()
    async with wire_to(fleet.ground.redis_setup.port) as wire:
        cut_off = fleet.member("a")
        cut_off.environment["REDIS_URL"] = by_wire(fleet, wire)
        await fleet.start_evenly("a", "b")
        held = await held_by(fleet, "a")
        salon = min(held)
        async with recording(fleet) as recorder, open_page(api.url, token(salon)) as page:
            await shows(page, "connected")

            wire.fall_silent()

            await wait_until(
                lambda: "owner_lost" in {it.get("reason") for it in page.all("status")},
                what="the page is told",
            )
            await wait_until(lambda: all_at(fleet, "b"), HANDED_OVER_S, "all are with the other")
            await shows(page, "connected")
            away_s = max((await recorder.away_s()).values())
            for ask in (fleet.bus.freeze, fleet.bus.thaw):
                await fleet.bus.obeyed(ask, salon)
            await wait_until(lambda: "frozen" in statuses(page))
            await shows(page, "connected")

            await wire.mend()

            await wait_until(lambda: nothing_waits(cut_off.url), 30, "it has said what it kept")
            # One that it never had may be on its way to it: it is a newcomer.
            assert held <= await held_by(fleet, "b")
            assert statuses(page)[-1] == "connected"
            assert set(statuses(page)) == {"connected", "reconnecting", "frozen"}
            assert away_s <= AWAY_S
            assert await recorder.replaced() == {}
            assert recorder.stale() == []
    said = Counter(event["event"] for event in cut_off.process.log_events())
    assert said["cut_off_from_redis"] == 1
    assert said["bus_stale_owner"] >= len(held)


def by_wire(fleet: Fleet, wire: Wire) -> str:
    return fleet.ground.redis_url.replace(f":{fleet.ground.redis_setup.port}", f":{wire.port}")


def token(session_id: SessionId) -> str:
    return token_for(SalonId(int(session_id.removeprefix("company_"))))


def statuses(page: Page) -> list[str]:
    return [told["status"] for told in page.all("status")]


async def shows(page: Page, status: str) -> None:
    await wait_until(lambda: statuses(page)[-1:] == [status])


async def all_at(fleet: Fleet, name: str) -> bool:
    return list((await fleet.holders()).values()) == [[name]] * len(fleet.session_ids)


async def nothing_waits(url: str) -> bool:
    held = await gauges(url)
    return held["redis_unreached_seconds"] == 0 and held["bus_publish_waiting"] == 0
