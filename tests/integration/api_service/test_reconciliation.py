"""The daily comparison: what it repairs, and above all what it leaves alone. Real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from api_service.core.reconciliation import Reconciliation
from api_service.store.webhooks import webhook_figures
from api_service.yclients.errors import NotSentError, RefusedError, YclientsError
from shared.db import Pool, make_pool
from tests.support.answering_yclients import AWAY, SalonsThere
from tests.support.salon_rows import SalonRows
from tests.support.waiting import wait_until

GONE = RefusedError("not_installed", status=404)


@dataclass
class Comparing:
    pool: Pool
    salons: SalonRows

    def with_yclients(self, there: SalonsThere) -> Reconciliation:
        return Reconciliation(self.pool, there, lambda: None, pause_s=0.0)

    async def once(self, there: SalonsThere) -> None:
        self.salons.run("UPDATE marketplace_reconciliation SET due_at = now() RETURNING id")
        await self.with_yclients(there).look()

    def report(self) -> dict[str, Any]:
        [row] = self.salons.run("SELECT * FROM marketplace_reconciliation")
        return row

    def jobs(self) -> dict[int, str]:
        rows = self.salons.run("SELECT * FROM marketplace_webhooks WHERE source = 'reconciliation'")
        return {row["salon_id"]: row["event_type"] for row in rows}


@pytest.fixture
async def comparing(database_url: str) -> AsyncIterator[Comparing]:
    async with make_pool(database_url, 8, "test") as pool:
        yield Comparing(pool, SalonRows(database_url))


async def test_every_drift_is_repaired_and_told(comparing: Comparing) -> None:
    salons = comparing.salons
    for salon, here in {
        1: "active",
        2: "active",
        3: "active",
        4: "frozen",
        5: "frozen",
        6: "frozen",
        7: "activation_failed",
        8: "activation_pending",
        9: "uninstalled",
        10: "active",
    }.items():
        salons.add(salon, here)
    there = SalonsThere(
        {
            1: "active",
            2: GONE,
            3: "freezed",
            4: "freezed",
            5: "active",
            6: GONE,
            7: "active",
            8: "pending",
            10: "uninstalled",
        },
        listed=[1, 3, 4, 5, 7, 8, 9],
    )

    await comparing.once(there)

    assert there.asked == [1, 2, 3, 4, 5, 6, 7, 8, 10]
    assert comparing.jobs() == {
        2: "uninstall",
        3: "freeze",
        5: "thaw",
        6: "uninstall",
        10: "uninstall",
    }
    assert salons.row(7)["activation_due_at"] is not None
    assert salons.row(8)["activation_due_at"] is None
    assert [salon for salon in range(1, 11) if salons.history(salon) == ["drift_found"]] == [
        *(2, 3, 5, 6, 7, 10)
    ]
    async with comparing.pool.connection() as connection:
        figures = await webhook_figures(connection)
    report = comparing.report()
    assert [report[name] for name in ("checked", "repaired", "unclear")] == [9, 6, 0]
    assert report["claim"] is None
    assert report["due_at"] - report["finished_at"] > timedelta(hours=20)
    assert (figures.queued, figures.failed) == (5, 0)
    assert figures.oldest_queued_s is not None


@pytest.mark.parametrize(
    "said",
    [
        "a new word",
        "",
        AWAY,
        NotSentError("breaker_open"),
        RefusedError("refused", status=404),
        RefusedError("unauthorized", status=401),
        RefusedError("application_unknown", status=400),
    ],
)
async def test_without_yclients_own_word_nothing_is_done(
    comparing: Comparing, said: str | YclientsError
) -> None:
    for salon, here in {1: "active", 2: "frozen", 3: "activation_pending"}.items():
        comparing.salons.add(salon, here)

    await comparing.once(SalonsThere({1: said, 2: said, 3: said}, listed=[]))

    assert comparing.jobs() == {}
    assert [comparing.salons.history(salon) for salon in (1, 2, 3)] == [[], [], []]


async def test_a_salon_that_is_gone_but_listed_is_left_alone(comparing: Comparing) -> None:
    comparing.salons.add(1)

    await comparing.once(SalonsThere({1: GONE}, listed=[1]))

    assert comparing.jobs() == {}


async def test_a_word_of_itself_counts_when_there_is_no_list(comparing: Comparing) -> None:
    comparing.salons.add(1)
    comparing.salons.add(2)

    await comparing.once(SalonsThere({1: "active", 2: GONE}))

    assert comparing.jobs() == {2: "uninstall"}


@pytest.mark.parametrize("listed", [None, [], [5, 6]])
async def test_when_yclients_knows_no_salon_of_ours_none_is_gone(
    comparing: Comparing, listed: list[int] | None
) -> None:
    """We ask of another application then, or somebody else answers."""
    for salon in (1, 2, 3):
        comparing.salons.add(salon)

    await comparing.once(SalonsThere(dict.fromkeys((1, 2, 3), GONE), listed))

    assert comparing.jobs() == {}
    report = comparing.report()
    assert (report["checked"], report["unclear"]) == (3, 3)


async def test_very_many_salons_are_not_uninstalled_at_once(comparing: Comparing) -> None:
    for salon in range(1, 32):
        comparing.salons.add(salon)

    await comparing.once(SalonsThere({1: "active", **dict.fromkeys(range(2, 32), GONE)}))

    assert len(comparing.jobs()) == 20


async def test_a_repair_waits_for_nothing_twice(comparing: Comparing) -> None:
    for salon in (1, 2):
        comparing.salons.add(salon)
    there = SalonsThere({1: GONE, 2: "active"}, listed=[2])

    await comparing.once(there)
    await comparing.once(there)

    assert len(comparing.salons.webhooks(1)) == 1
    assert comparing.salons.history(1) == ["drift_found"]


async def test_when_yclients_is_away_it_goes_on_later_where_it_was(comparing: Comparing) -> None:
    for salon in range(1, 11):
        comparing.salons.add(salon)
    there = SalonsThere(
        {**dict.fromkeys(range(1, 4), "active"), **dict.fromkeys(range(4, 11), AWAY)}
    )
    await comparing.once(there)
    assert there.asked == list(range(1, 9))
    assert comparing.report()["finished_at"] is None

    there.said = dict.fromkeys(range(1, 11), "active")
    there.asked.clear()
    await comparing.once(there)

    assert there.asked == [8, 9, 10]


async def test_one_process_at_a_time_makes_a_run(comparing: Comparing) -> None:
    comparing.salons.add(1)
    there = SalonsThere({1: "active"}, hold=asyncio.Event())
    other = SalonsThere({1: "active"})
    first = asyncio.create_task(comparing.once(there))
    await wait_until(lambda: there.asked)

    await comparing.with_yclients(other).look()
    assert there.hold is not None
    there.hold.set()
    await first

    assert other.asked == []


async def test_what_a_killed_process_has_left_is_taken_over(comparing: Comparing) -> None:
    for salon in (1, 2, 3):
        comparing.salons.add(salon)
    await comparing.salons.change(
        "UPDATE marketplace_reconciliation SET due_at = now(), checked_up_to = 2, checked = 2,"
        " claim = gen_random_uuid(), claim_ends_at = now() - interval '1 second'"
    )
    there = SalonsThere({3: "active"})

    await comparing.with_yclients(there).look()

    assert there.asked == [3]


async def test_a_salon_that_changed_meanwhile_is_not_repaired(comparing: Comparing) -> None:
    """Its owner has connected it again while YClients was asked."""
    for salon in (1, 2):
        comparing.salons.add(salon)
    there = SalonsThere({1: GONE, 2: "active"}, listed=[2], hold=asyncio.Event())
    run = asyncio.create_task(comparing.once(there))
    await wait_until(lambda: there.asked)
    await comparing.salons.connect_anew(1)
    assert there.hold is not None
    there.hold.set()
    await run

    assert comparing.jobs() == {}
