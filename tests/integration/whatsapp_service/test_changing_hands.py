"""A session on its way from one process to another: open in one place, or in none."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest

from shared.bus.commands import CommandSender, MovedError
from shared.bus.snapshots import Snapshots
from shared.company_id import SessionId
from shared.messages.commands import RequestQr, Thaw
from shared.messages.status import SessionStatus
from tests.support.owners_town import OwnersTown, Resident, owners_town
from tests.support.scripted_lines import ScriptedClient, ScriptedGateway
from tests.support.scripted_linkers import IDENTITY, QR, ScriptedLinker
from tests.support.session_stage import JID, SALON, Stage, command
from tests.support.waiting import wait_until
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.gateway.linked_client import Deliver, LinkedClient
from whatsapp_service.gateway.linker_protocol import Paired
from whatsapp_service.owners import lease, reach
from whatsapp_service.proxy_url import ProxyUrl
from whatsapp_service.sessions import cut_off, handover
from whatsapp_service.sessions.half_links import HalfLinks
from whatsapp_service.sessions.handover import Handover
from whatsapp_service.sessions.linker import Linker
from whatsapp_service.sessions.linker_pool import LinkerPool
from whatsapp_service.sessions.orphans import Orphans
from whatsapp_service.sessions.scouts import Scouts
from whatsapp_service.sessions.session import Services, Session
from whatsapp_service.sessions.supervisor import Supervisor
from whatsapp_service.sessions.tenancy import Tenancy
from whatsapp_service.store.directory import Directory
from whatsapp_service.store.sessions import Tenure

OTHER_SALON: Final = SessionId("company_1002")
AT_ONCE: Final = 1
PHONE: Final = "79990000001"


class SlowToClose(ScriptedClient):
    def __init__(self, deliver: Deliver, may_close: asyncio.Event) -> None:
        super().__init__(deliver)
        self.closing = asyncio.Event()
        self._may_close = may_close

    async def close(self) -> None:
        self.closing.set()
        await self._may_close.wait()
        self.closed = True


class Lines(ScriptedGateway):
    def __init__(self) -> None:
        super().__init__()
        self.may_close = asyncio.Event()
        self.may_close.set()
        self.opened: list[SlowToClose] = []

    def client_for(
        self, _session_id: str, _device: DeviceJid, _route: ProxyUrl | None, deliver: Deliver
    ) -> LinkedClient:
        self.opened.append(SlowToClose(deliver, self.may_close))
        return self.opened[-1]


class WithCredentials(Directory):
    """The library has those of every device."""

    async def credentials_exist(self, _jid: str) -> bool:
        return True


class Place:
    """A process with its sessions, and another one that would take them."""

    def __init__(self, town: OwnersTown, resident: Resident) -> None:
        self.town = town
        self.resident = resident
        self.lease = resident.lease
        self.stage = Stage()
        self.lines = Lines()
        self.linker = ScriptedLinker()
        self.supervisor = Supervisor(self._services(), town.registry, resident.lease)
        self.handover = Handover(
            resident.lease,
            town.registry,
            self.supervisor,
            CommandSender(town.redis),
            self.stage.heard,
            Snapshots(town.redis),
        )

    def _services(self) -> Services:
        drawn = self.stage.services
        directory = WithCredentials(self.town.database, self.town.database)
        return Services(
            pool=LinkerPool(capacity=1, spares=0, queue_limit=0, start=self._start_linker),
            gateway=self.lines,
            directory=directory,
            half_links=HalfLinks(directory, "one"),
            routes=drawn.routes,
            publisher=drawn.publisher,
            scouts=Scouts(),
            device_name=drawn.device_name,
            patience=drawn.patience,
        )

    async def _start_linker(self) -> Linker:
        return self.linker

    async def linked(self) -> Tenure:
        tenure = await self.town.registry.take(SALON, "one")
        assert tenure is not None
        await self.town.directory.save_device(tenure, JID, PHONE)
        return tenure

    async def connected(self) -> Session:
        session = self.supervisor.open(await self.linked())
        await wait_until(lambda: session.connected)
        return session

    def tenancy(self, at_once: int) -> Tenancy:
        snapshots, sender = Snapshots(self.town.redis), CommandSender(self.town.redis)
        half_links = self.stage.services.half_links
        mine, registry = self.lease, self.town.registry
        orphans = Orphans(mine, registry, self.supervisor, snapshots, half_links, sender)
        return Tenancy(mine, registry, self.supervisor, self.handover, orphans, at_once)

    async def owns_only_what_is_open(self) -> bool:
        owned = await self.town.registry.owned("one")
        return set(owned) <= {session.tenure for session in self.supervisor}

    async def owner(self) -> str | None:
        owners = [await self.town.registry.owned(name) for name in ("one", "other")]
        return next((tenure.owner for owned in owners for tenure in owned), None)

    async def owned_by_the_other(self) -> bool:
        return await self.owner() == "other"


@pytest.fixture
async def place(
    redis_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    monkeypatch.setattr(handover, "OPENED_S", 0.05)
    async with owners_town(redis_url, database_url) as town:
        await town.resident("other")
        one = await town.resident("one")
        await wait_until(lambda: one.lease.peers is not None and one.lease.peers.heirs)
        place = Place(town, one)
        yield place
        place.lines.may_close.set()
        await place.supervisor.stop()


async def test_what_has_left_is_not_opened_by_a_look_that_was_taken_before(place: Place) -> None:
    """It would end the connection of its owner, for good."""
    tenure = await place.linked()
    assert await place.town.registry.hand_over(tenure, "other")

    session = place.supervisor.open(tenure)

    await wait_until(session.ended.is_set)
    await wait_until(lambda: SALON not in place.supervisor)
    assert place.lines.opened == []


async def test_nothing_opens_again_what_is_closed_to_be_handed_over(place: Place) -> None:
    """A timer that fires, and a command that was routed here, before it has left."""
    session = await place.connected()
    place.lines.may_close.clear()
    giving = asyncio.create_task(place.handover.one(session))
    await wait_until(place.lines.opened[0].closing.is_set)
    session.connection.reopen_in(0)
    await wait_until(lambda: session.waiting)
    thawing = asyncio.create_task(session.submit(command(Thaw)))
    await wait_until(lambda: session.waiting == 2)

    place.lines.may_close.set()
    await giving

    assert await place.owner() == "other"
    assert [line.closed for line in place.lines.opened] == [True]
    with pytest.raises(MovedError):
        await thawing


async def test_one_that_was_just_taken_is_handed_over_before_it_has_asked_for_its_device(
    place: Place,
) -> None:
    """Left behind, a linked salon would be nobody's until the next look of another process."""
    session = place.supervisor.open(await place.linked())
    assert not session.recalled

    await place.handover.one(session)

    assert await place.owner() == "other"
    assert all(line.closed for line in place.lines.opened)


async def test_nobody_else_gets_a_session_before_it_is_closed_here(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "CLOSE_S", 0.1)
    session = await place.connected()
    place.lines.may_close.clear()

    await place.handover.one(session)

    assert await place.owner() == "one"
    assert not place.lines.opened[0].closed
    place.lines.may_close.set()
    await wait_until(lambda: SALON not in place.supervisor)
    assert place.lines.opened[0].closed


async def test_a_command_does_not_reach_a_session_that_is_being_let_go(place: Place) -> None:
    """Its link attempt would go on without a session, and nobody would see its QR."""
    tenure = await place.town.registry.take(SALON, "one")
    assert tenure is not None
    session, asked = place.supervisor.open(tenure), command(RequestQr)
    assert await place.supervisor.route(asked) is None
    may_leave = asyncio.Event()

    async def give_up() -> None:
        await may_leave.wait()

    leaving = asyncio.create_task(place.supervisor.let_go(session, give_up))
    await asyncio.sleep(0)
    with pytest.raises(MovedError):
        await place.supervisor.handle(asked)
    may_leave.set()
    await leaving

    with pytest.raises(MovedError):
        await place.supervisor.handle(asked)
    assert not place.linker.told


async def test_a_session_that_is_here_does_not_hide_one_that_is_missing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many rows as sessions, and not the same: one was moved away, another was given to us."""
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.05)
    tenure = await place.town.registry.take(SALON, "one")
    assert tenure is not None
    place.supervisor.open(tenure)
    assert await place.town.registry.hand_over(tenure, "other")
    given = await place.town.registry.take(OTHER_SALON, "one")
    assert given is not None
    for _ in range(2):
        await place.lease.next_look()

    running = asyncio.create_task(place.tenancy(AT_ONCE).run())
    try:
        await wait_until(lambda: [it.tenure for it in place.supervisor] == [given])
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_one_that_leaves_in_the_middle_of_taking_takes_no_more(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has taken and not opened is free again at once; the one that is just opened stays."""
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.05)
    await place.town.link(*(SessionId(f"company_{number}") for number in range(2001, 2061)))
    tenancy = place.tenancy(AT_ONCE)
    running = asyncio.create_task(tenancy.run())
    try:
        await wait_until(lambda: len(place.supervisor) > 2)
        await tenancy.leave(60)
        await wait_until(place.owns_only_what_is_open)
        await place.lease.next_look()
        assert len(await place.town.registry.owned("one")) <= AT_ONCE
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_one_that_is_cut_off_from_redis_hands_over_and_takes_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in (
        (lease, "RENEW_EVERY_S", 0.05),
        (reach, "LOST_S", 3.0),
        (reach, "STEADY_S", 0.5),
        (cut_off, "CUT_OFF_S", 3.5),
    ):
        monkeypatch.setattr(module, name, value)
    session = await place.connected()
    running = asyncio.create_task(place.tenancy(AT_ONCE).run())
    try:
        await place.resident.fall_mute()
        await wait_until(place.owned_by_the_other)
        assert session.ended.is_set()
        await place.town.link(OTHER_SALON)
        for _ in range(5):
            assert (await place.lease.next_look()).free == 1
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_phone_that_accepts_one_who_was_overtaken_is_found_at_the_next_look(
    place: Place,
) -> None:
    """Its process lives, so the attempt would not be looked at before it is ten minutes old."""
    tenure = await place.town.registry.take(SALON, "one")
    assert tenure is not None
    session = place.supervisor.open(tenure)
    await session.submit(command(RequestQr))
    await wait_until(lambda: place.linker.told)
    place.linker.report(QR)
    await wait_until(lambda: session.state.status is SessionStatus.QR)
    assert await place.town.directory.attempts_left_behind(600) == []
    assert await place.town.registry.hand_over(tenure, "other")

    place.linker.report(Paired(jid=JID))

    await wait_until(session.ended.is_set)
    [left] = await place.town.directory.attempts_left_behind(600)
    assert left.identity == IDENTITY
