"""A process that starts opens every linked salon; one that cannot be opened is told apart."""

from functools import partial
from itertools import pairwise
from statistics import median
from typing import Final

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from sandbox.whatsapp_network.faults import FaultKind
from sandbox.whatsapp_network.journal import Event
from shared.company_id import SessionId
from shared.messages.status import Reason, SessionStatus
from tests.support.fleet import Fleet
from tests.support.fleet_fixtures import fleet, fleet_ground
from tests.support.fleet_recorder import recording
from tests.support.holdings import gauges
from tests.support.waiting import wait_until

__all__ = ["fleet", "fleet_ground"]

pytestmark = pytest.mark.timeout(300)

BACK_S: Final = 60.0
LOGGING_IN: Final = 10
HELD_UP_S: Final = 1.0
"""Each that logs in would keep the next one waiting for a second and a half."""
OTHER_KEY: Final = bytes(range(32))


async def test_every_linked_salon_is_back_and_progress_is_shown(fleet: Fleet) -> None:
    async with recording(fleet) as recorder:
        await fleet.start("a")
        await fleet.all_connected(BACK_S)
        assert await recorder.replaced() == {}
        assert await recorder.lost() == len(fleet.ground.salons)
    whatsapp = fleet.members["a"]
    await wait_until(lambda: _events(fleet, "restore_finished"), what="the restore has ended")
    health = await fleet.health(whatsapp)
    assert health
    everybody = len(fleet.ground.salons)
    assert health["restoring"] == {"done": everybody, "of": everybody}
    assert (await gauges(whatsapp.url))["sessions_restoring"] == 0
    assert _events(fleet, "restore_started") == [{"sessions": everybody}]
    (finished,) = _events(fleet, "restore_finished")
    assert finished["sessions"] == finished["connected"] == everybody


async def test_the_most_recently_connected_comes_first(fleet: Fleet) -> None:
    fleet.environment["RESTORE_CONCURRENCY"] = "1"
    await fleet.start("a")
    await fleet.all_connected(BACK_S)
    newest_first = [salon.session_id for salon in reversed(fleet.ground.salons)]

    def came() -> list[SessionId]:
        return [event.company_id for event in fleet.bus.events if event.type == "connected"]

    await wait_until(lambda: len(came()) >= len(newest_first), what="all have told it")
    assert came() == newest_first


async def test_logging_in_keeps_no_other_salon_waiting(fleet: Fleet) -> None:
    slow = fleet.ground.salons[-LOGGING_IN:]
    fleet.environment["RESTORE_CONCURRENCY"] = "20"
    for salon in slow:
        await fleet.phones.add_fault(FaultKind.HELD, number=salon.phone)
    before = await fleet.phones.events()
    await fleet.start("a")
    waiting = {salon.session_id for salon in slow}

    async def others_are_back() -> bool:
        return set(await fleet.missing()) == waiting

    await wait_until(others_are_back, BACK_S, "the others are connected")
    assert median(await _pauses_s(fleet, before[-1].sequence)) < HELD_UP_S
    await fleet.phones.clear_faults()
    await fleet.all_connected(BACK_S)


async def _pauses_s(fleet: Fleet, after: int) -> list[float]:
    """Between one connection and the next, as the network has seen them: of all salons."""

    async def handshakes() -> list[Event]:
        came = [it for it in await fleet.phones.events(after) if it.kind == "handshake"]
        return came if len(came) >= len(fleet.session_ids) else []

    came = await wait_until(handshakes, BACK_S, "each has come")
    came_ms = [event.at_ms for event in came]
    return [(later - earlier) / 1000 for earlier, later in pairwise(came_ms)]


async def test_a_broken_credential_stops_no_other_and_says_why(fleet: Fleet) -> None:
    broken = _break_some(fleet)
    await fleet.start("a")
    healthy = [it for it in fleet.session_ids if it not in broken]

    async def settled() -> bool:
        holders = await fleet.holders()
        return all(holders[it] == ["a"] for it in healthy)

    await wait_until(settled, BACK_S, "all others are connected")
    for session_id, expected in broken.items():
        await _told_as(fleet, session_id, expected)
    assert fleet.members["a"].runs
    assert not _events(fleet, "session_work_failed")


def _break_some(fleet: Fleet) -> dict[SessionId, tuple[SessionStatus, Reason]]:
    """What becomes of each; three more are odd, and come back."""
    salons = iter(fleet.ground.salons)
    no_jid, unknown_jid, other_key, bad_lid, empty_lid, sparse = (next(salons) for _ in range(6))
    with psycopg.connect(fleet.ground.database_url, autocommit=True) as database:
        database.execute(
            "UPDATE whatsapp_sessions SET jid = %s WHERE session_id = %s",
            ["79990000001@elsewhere", no_jid.session_id],
        )
        database.execute("DELETE FROM whatsmeow_device WHERE jid = %s", [unknown_jid.jid])
        for column, value, salon in (
            ("noise_key", OTHER_KEY, other_key),
            ("lid", "1:99999999@lid", bad_lid),
            ("lid", None, empty_lid),
        ):
            statement = SQL("UPDATE whatsmeow_device SET {} = %s WHERE jid = %s")
            database.execute(statement.format(Identifier(column)), [value, salon.jid])
        database.execute(
            "UPDATE whatsapp_sessions SET phone = NULL, linked_at = NULL,"
            " last_connected_at = NULL WHERE session_id = %s",
            [sparse.session_id],
        )
    return {
        no_jid.session_id: (SessionStatus.LOGGED_OUT, Reason.CREDENTIALS_BROKEN),
        unknown_jid.session_id: (SessionStatus.LOGGED_OUT, Reason.CREDENTIALS_MISSING),
        other_key.session_id: (SessionStatus.LOGGED_OUT, Reason.LOGGED_OUT),
    }


async def _told_as(
    fleet: Fleet, session_id: SessionId, expected: tuple[SessionStatus, Reason]
) -> None:
    async def told() -> bool:
        snapshot = (await fleet.bus.present_state(session_id)).snapshot
        return snapshot is not None and (snapshot.status, snapshot.reason) == expected

    await wait_until(told, BACK_S, f"{session_id} is {expected}")


def _events(fleet: Fleet, name: str) -> list[dict[str, object]]:
    hidden = {"event", "level", "timestamp", "component", "logger"}
    return [
        {key: value for key, value in event.items() if key not in hidden}
        for event in fleet.members["a"].process.log_events()
        if event["event"] == name
    ]


async def test_quiet_salons_hold_no_connection_to_postgres(fleet: Fleet) -> None:
    fleet.environment["WHATSAPP_STORE_URL"] = fleet.ground.store_url(idle_s=1)
    await fleet.start("a")
    await fleet.all_connected(BACK_S)
    held = partial(_connections_of_the_library, fleet)
    await wait_until(lambda: held() == 0, BACK_S, "the library's connections are ended")
    async with recording(fleet) as recorder:
        salons = len(fleet.ground.salons)
        assert await fleet.phones.drop() == salons

        async def all_back() -> bool:
            return await recorder.lost() >= salons

        await wait_until(all_back, BACK_S, "each has logged in anew")
        await fleet.all_connected(BACK_S)
    await wait_until(lambda: held() == 0, BACK_S, "they are ended again")


def _connections_of_the_library(fleet: Fleet) -> int:
    """It gives itself no name, as we do."""
    with psycopg.connect(fleet.ground.database_url, application_name="test") as database:
        row = database.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = ''"
        ).fetchone()
    assert row is not None
    return int(row[0])
