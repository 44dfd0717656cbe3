"""Which device a session has when Postgres is away, and when a link attempt comes to nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.bus.announcement import Announcement, Announcer
from shared.bus.publisher import Publisher
from shared.clock import Milliseconds, now_ms
from shared.company_id import SessionId
from shared.errors import ErrorCode
from shared.messages.commands import Command, RequestQr, Unlink
from shared.messages.envelope import new_id
from shared.messages.events import CommandResult, StatusChanged
from shared.messages.status import Reason, SessionStatus
from tests.support.waiting import wait_until
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.gateway.linked_client import Gateway
from whatsapp_service.sessions import session as session_module
from whatsapp_service.sessions.half_links import HalfLinks
from whatsapp_service.sessions.linker import Linker, LinkerGoneError
from whatsapp_service.sessions.linker_pool import LinkerPool
from whatsapp_service.sessions.routes import Routes
from whatsapp_service.sessions.session import Services, Session
from whatsapp_service.sessions.state import Ended
from whatsapp_service.store.directory import Directory, StoreUnavailableError
from whatsapp_service.store.proxies import StoredRoute
from whatsapp_service.store.sessions import StoredSession

SALON = SessionId("company_1001")
JID = "79990000001:1@s.whatsapp.net"
BAN_S = 7_200.0


class Rows(Directory):
    """Postgres: one salon's row, and no credentials in the library's store."""

    def __init__(self) -> None:
        self.jid: str | None = None
        self.frozen = False
        self.away = self.credentials_away = False
        self.ended: list[str] = []

    async def find_session(self, session_id: SessionId) -> StoredSession | None:
        if self.away:
            raise StoreUnavailableError
        if self.jid is None and not self.frozen:
            return None
        return StoredSession(session_id, self.jid, self.frozen)

    async def set_frozen(self, _session_id: SessionId, *, frozen: bool) -> None:
        if self.away:
            raise StoreUnavailableError
        self.frozen = frozen

    async def find_route(self, _session_id: SessionId) -> StoredRoute | None:
        return None

    async def credentials_exist(self, _jid: str) -> bool:
        if self.credentials_away:
            raise StoreUnavailableError
        return False

    async def forget_device(self, _session_id: SessionId, _state: str, reason: str) -> None:
        self.jid = None
        self.ended.append(reason)


class SilentAnnouncer(Announcer):
    def __init__(self) -> None:
        """Nothing is sent."""


class Heard(Publisher):
    def __init__(self) -> None:
        super().__init__(SilentAnnouncer())
        self.said: list[Announcement] = []

    def publish(self, announcement: Announcement) -> None:
        self.said.append(announcement)

    def answers(self, command: Command) -> list[ErrorCode | None]:
        return [
            said.event.code
            for said in self.said
            if isinstance(said.event, CommandResult) and said.event.command_id == command.command_id
        ]


class NoGateway(Gateway):
    def __init__(self) -> None:
        self.store_url = "postgres://store"


class Stage:
    """A session that runs, and linkers that never start, or fail to."""

    def __init__(self) -> None:
        self.rows, self.heard = Rows(), Heard()
        self.attempts = 0
        self.linkers_fail = False
        services = Services(
            pool=LinkerPool(capacity=1, spares=0, queue_limit=0, start=self._hang),
            gateway=NoGateway(),
            directory=self.rows,
            half_links=HalfLinks(self.rows),
            routes=Routes(self.rows, None),
            publisher=self.heard,
            process_id="process-1",
            device_name="AI Admin",
        )
        self.session = Session(SALON, services)

    async def _hang(self) -> Linker:
        self.attempts += 1
        if self.linkers_fail:
            raise LinkerGoneError
        await asyncio.Event().wait()
        raise AssertionError

    async def banned(self) -> DeviceJid:
        """The salon is linked, and banned for two hours."""
        device = DeviceJid.parse(JID)
        self.rows.jid = JID

        async def be_banned() -> None:
            self.session.device, self.session.recalled = device, True
            self.session.apply(Ended(SessionStatus.BANNED, Reason.TEMPORARY_BAN))
            self.session.connection.reopen_in(BAN_S)

        self.session.post(be_banned)
        await wait_until(lambda: self.session.state.status is SessionStatus.BANNED)
        return device


def request_qr() -> RequestQr:
    return RequestQr(
        command_id=new_id(), company_id=SALON, issued_at=now_ms(), expires_at=_in(10_000)
    )


def unlink(lives_ms: int = 18_000) -> Unlink:
    return Unlink(
        command_id=new_id(), company_id=SALON, issued_at=now_ms(), expires_at=_in(lives_ms)
    )


def _in(milliseconds: int) -> Milliseconds:
    return Milliseconds(now_ms() + milliseconds)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    running = asyncio.create_task(stage.session.run())
    yield stage
    await stage.session.stop()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_linked_salon_is_opened_when_postgres_comes_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "RECALL_RETRY_S", 0.02)
    stage.rows.jid, stage.rows.away = JID, True
    stage.session.recall()
    await wait_until(lambda: stage.session.timers)
    assert not stage.session.retirable

    stage.rows.away = False

    await wait_until(lambda: stage.rows.ended == [Reason.CREDENTIALS_MISSING])


async def test_nothing_is_linked_or_called_unlinked_before_the_salons_device_is_known(
    stage: Stage,
) -> None:
    stage.rows.jid, stage.rows.away = JID, True
    stage.session.recall()
    linking, unlinking = request_qr(), unlink()
    await wait_until(lambda: stage.session.timers)

    await stage.session.submit(linking)
    await stage.session.submit(unlinking)

    assert stage.attempts == 0
    assert stage.heard.answers(linking) == [ErrorCode.SERVICE_UNAVAILABLE]
    assert stage.heard.answers(unlinking) == [ErrorCode.UNLINK_FAILED]
    told = [said.event for said in stage.heard.said if isinstance(said.event, StatusChanged)]
    assert (told[-1].status, told[-1].reason) == (SessionStatus.ERROR, Reason.STORE_UNAVAILABLE)


async def test_a_request_is_carried_out_as_soon_as_postgres_is_back(stage: Stage) -> None:
    stage.rows.away = True
    stage.session.recall()
    await wait_until(lambda: stage.session.timers)
    stage.rows.away = False
    command = request_qr()

    await stage.session.submit(command)

    assert stage.heard.answers(command) == [None]
    await wait_until(lambda: stage.attempts == 1)


async def test_unlinking_in_the_middle_of_an_attempt_unlinks_the_device_there_was_before(
    stage: Stage,
) -> None:
    await stage.banned()
    await stage.session.submit(request_qr())
    await wait_until(lambda: stage.attempts == 1)
    command = unlink()

    await stage.session.submit(command)

    assert stage.heard.answers(command) == [None]
    assert stage.rows.jid is None
    assert stage.session.state.status is SessionStatus.LOGGED_OUT


async def test_a_banned_device_comes_back_by_itself_after_any_number_of_failed_attempts(
    stage: Stage,
) -> None:
    device = await stage.banned()
    stage.linkers_fail = True

    for attempt in range(1, 4):
        await stage.session.submit(request_qr())
        await wait_until(lambda attempt=attempt: stage.attempts == attempt)  # type: ignore[misc]
        await wait_until(lambda: not stage.session.linking.busy)

        assert stage.session.device == device
        assert (stage.session.timers.remaining_s("reopen") or 0) > BAN_S - 60


async def test_a_replaced_device_stays_the_salons_and_closed_after_a_failed_attempt(
    stage: Stage,
) -> None:
    device = await stage.banned()
    stage.linkers_fail = True
    stage.session.timers.cancel("reopen")
    stage.session.apply(Ended(SessionStatus.REPLACED, Reason.REPLACED))

    await stage.session.submit(request_qr())
    await wait_until(lambda: stage.attempts == 1 and not stage.session.linking.busy)

    assert stage.session.device == device
    assert not stage.session.timers
    assert not stage.session.retirable


async def test_an_unlinking_that_comes_too_late_leaves_another_one_alone(stage: Stage) -> None:
    await stage.banned()
    stage.rows.credentials_away = True
    wanted, late = unlink(), unlink(lives_ms=0)
    first = asyncio.create_task(stage.session.submit(wanted))
    await wait_until(lambda: stage.session.unlinking.wanted)

    await stage.session.submit(late)

    assert stage.heard.answers(late) == [ErrorCode.COMMAND_EXPIRED]
    assert stage.heard.answers(wanted) == []
    assert stage.session.unlinking.wanted
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
