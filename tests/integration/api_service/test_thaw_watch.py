"""Frozen salons are asked for one by one, and the trouble of one is its own. Real Postgres."""

from api_service.core.thaw_watch import ThawWatch
from api_service.yclients.errors import AmbiguousError
from shared.db import make_pool
from tests.support.answering_yclients import SalonsThere
from tests.support.salon_rows import SalonRows


async def test_a_paid_salon_is_thawed_whatever_becomes_of_the_others(database_url: str) -> None:
    salons = SalonRows(database_url)
    answers: dict[int, str | Exception] = {
        1: ValueError("never seen"),
        2: AmbiguousError("timeout"),
        3: "freezed",
        4: "active",
    }
    for salon in answers:
        salons.add(salon, "frozen")
    salons.run("UPDATE companies SET thaw_check_at = now() RETURNING id")
    said, jobs = SalonsThere(answers), []

    async with make_pool(database_url, 2, "test") as pool:
        await ThawWatch(pool, said, lambda: jobs.append("job"))._look()

    assert sorted(said.asked) == [1, 2, 3, 4]
    assert jobs == ["job"]
    found = salons.run("SELECT salon_id, event_type, source FROM marketplace_webhooks")
    assert found == [{"salon_id": 4, "event_type": "thaw", "source": "polling"}]
    due = salons.run("SELECT id FROM companies WHERE thaw_check_at <= now()")
    assert due == []
