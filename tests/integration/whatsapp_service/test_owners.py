"""Who owns a session, on a real database: given once, fenced, moved, freed."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import cast

import pytest

from shared.company_id import SessionId
from shared.messages.status import Reason, SessionStatus
from tests.support.owners_town import OwnersTown, owners_town
from tests.support.waiting import wait_until
from whatsapp_service.owners.lease import LEASE_S
from whatsapp_service.store.directory import StoreUnavailableError
from whatsapp_service.store.sessions import FencedError, Tenure

SALON, OTHER_SALON = SessionId("company_1001"), SessionId("company_1002")
SALONS = [SessionId(f"company_{number}") for number in range(1001, 1041)]
JID, PHONE = "79990000001:1@s.whatsapp.net", "79990000001"


@pytest.fixture
async def town(redis_url: str, database_url: str) -> AsyncIterator[OwnersTown]:
    async with owners_town(redis_url, database_url) as town:
        for name in ("one", "other"):
            await town.registry.register(name, f"machine of {name}", 1, 1)
        yield town


async def place(town: OwnersTown, salon: SessionId, taker: str, *suspects: str) -> Tenure:
    """Asked again when a busy machine has not answered in 4 s, as an owner asks again."""

    async def placed() -> Tenure | None:
        with contextlib.suppress(StoreUnavailableError):
            return await town.registry.place(salon, taker, suspects, LEASE_S)
        return None

    return cast("Tenure", await wait_until(placed, what=f"{salon} is placed"))


async def test_forty_askers_at_once_agree_on_one_owner_and_load_is_even(town: OwnersTown) -> None:
    for salon in SALONS:
        told = await asyncio.gather(
            *(place(town, salon, taker) for taker in ("one", "other") for _ in range(4))
        )
        assert len(set(told)) == 1

    peers = await town.registry.look_around()
    assert {process.sessions for process in peers.processes} == {len(SALONS) // 2}


async def test_two_takers_at_once_never_get_the_same_session(town: OwnersTown) -> None:
    await town.link(*SALONS)

    taken = await asyncio.gather(
        *(town.registry.claim(taker, 7) for _ in range(4) for taker in ("one", "other"))
    )

    claimed = Counter(tenure.session_id for batch in taken for tenure in batch)
    assert set(claimed.values()) == {1}
    assert len(claimed) == len(SALONS)


async def test_the_most_recently_connected_is_taken_first_and_frozen_ones_last(
    town: OwnersTown,
) -> None:
    await town.link(*SALONS[:4])
    await town.run(
        "UPDATE whatsapp_sessions SET last_connected_at = now() - interval '1 day'"
        " WHERE session_id = 'company_1001'"
    )
    await town.run(
        "UPDATE whatsapp_sessions SET last_connected_at = now() WHERE session_id = 'company_1003'"
    )
    await town.run(
        "UPDATE whatsapp_sessions SET last_connected_at = now(), frozen = true"
        " WHERE session_id = 'company_1002'"
    )

    taken = await town.registry.claim("one", 10)

    assert [tenure.session_id[-4:] for tenure in taken] == ["1003", "1001", "1004", "1002"]


async def test_every_change_of_owner_raises_the_epoch_and_fences_the_one_before(
    town: OwnersTown,
) -> None:
    first = await place(town, SALON, "one")
    await town.directory.save_device(first, JID, PHONE)
    assert await town.registry.hand_over(first, "other")
    second = await place(town, SALON, "one")

    assert (second.owner, second.epoch > first.epoch) == ("other", True)
    for write in (
        town.directory.save_device(first, JID, PHONE),
        town.directory.mark_connected(first, JID, PHONE),
        town.directory.mark_ended(first, SessionStatus.REPLACED, Reason.REPLACED, None),
        town.directory.forget_device(first, SessionStatus.LOGGED_OUT, Reason.LOGGED_OUT),
        town.directory.set_frozen(first, frozen=True),
    ):
        with pytest.raises(FencedError):
            await write
    assert not await town.registry.hand_over(first, "one")
    await town.registry.release(first)
    assert await place(town, SALON, "one") == second
    stored = await town.directory.find_session(SALON)
    assert stored is not None
    assert (stored.jid, stored.frozen) == (JID, False)


async def test_a_device_that_is_forgotten_leaves_no_number(town: OwnersTown) -> None:
    tenure = await place(town, SALON, "one")
    await town.directory.save_device(tenure, JID, PHONE)

    await town.directory.forget_device(tenure, SessionStatus.LOGGED_OUT, Reason.UNLINKED)

    async with town.database.connection() as connection:
        cursor = await connection.execute("SELECT jid, phone FROM whatsapp_sessions")
        assert await cursor.fetchall() == [{"jid": None, "phone": None}]


async def test_the_end_of_a_process_frees_its_sessions_and_its_writes_fail(
    town: OwnersTown,
) -> None:
    tenure = await place(town, SALON, "one")
    await town.directory.save_device(tenure, JID, PHONE)

    assert not await town.registry.bury("one", 10)
    assert await town.registry.bury("one", 0)

    assert not await town.registry.renew("one")
    with pytest.raises(FencedError):
        await town.directory.mark_connected(tenure, JID, PHONE)
    [taken] = await town.registry.claim("other", 10)
    assert (taken.session_id, taken.epoch > tenure.epoch) == (SALON, True)


async def test_a_suspect_keeps_what_is_linked_and_nothing_else(town: OwnersTown) -> None:
    linked = await place(town, SALON, "one")
    await town.directory.save_device(linked, JID, PHONE)
    linking = await place(town, OTHER_SALON, "other")
    third = await place(town, SALONS[2], "one")
    assert (linked.owner, linking.owner, third.owner) == ("one", "other", "one")

    assert await place(town, SALON, "other", "one") == linked
    moved = await place(town, SALONS[2], "other", "one")

    assert (moved.owner, moved.epoch > third.epoch) == ("other", True)
    with pytest.raises(FencedError):
        await town.directory.save_device(third, JID.replace(":1", ":2"), PHONE)


async def test_a_draining_process_gets_nothing_new(town: OwnersTown) -> None:
    await town.registry.set_draining("one")
    assert {(await place(town, salon, "one")).owner for salon in SALONS} == {"other"}
    tenure = await place(town, SALON, "one")
    assert not await town.registry.hand_over(tenure, "one")

    await town.registry.set_draining("other")

    assert await town.registry.place(SessionId("company_5"), "one", [], LEASE_S) is None


async def test_a_process_that_does_not_renew_gets_nothing_new(town: OwnersTown) -> None:
    await town.run(
        "UPDATE whatsapp_processes SET renewed_at = now() - interval '20 s'"
        " WHERE process_id = 'one'"
    )
    assert {(await place(town, salon, "other")).owner for salon in SALONS} == {"other"}


async def test_right_after_postgres_was_away_whoever_asks_gets_it_itself(
    town: OwnersTown,
) -> None:
    """Nobody has renewed a lease yet."""
    await town.run("UPDATE whatsapp_processes SET renewed_at = now() - interval '1 minute'")
    assert (await place(town, SALON, "one")).owner == "one"


async def test_attempts_of_the_dead_and_of_long_ago_are_left_behind(town: OwnersTown) -> None:
    """Those of a process that lives are its own, whoever looks."""
    living, dead, old = b"l" * 32, b"d" * 32, b"o" * 32
    await town.directory.record_attempt(living, SALON, "one")
    await town.directory.record_attempt(dead, OTHER_SALON, "a process of long ago")
    await town.directory.record_attempt(old, SALONS[2], "one")
    await town.run(
        "UPDATE whatsapp_link_attempts SET started_at = now() - interval '1 hour'"
        " WHERE session_id = 'company_1003'"
    )

    left = {it.identity: it.is_over for it in await town.directory.attempts_left_behind(600)}

    assert left == {dead: False, old: True}
    await town.registry.leave("one")
    assert len(await town.directory.attempts_left_behind(600)) == 3
