"""A salon's session that runs on hand-made rows, and linkers that never start, or fail to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from shared.bus.announcement import Announcement, Announcer
from shared.bus.publisher import Publisher
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.errors import ErrorCode
from shared.messages.commands import Command
from shared.messages.envelope import new_id
from shared.messages.events import AnySessionEvent, CommandResult
from shared.messages.status import Reason, SessionStatus
from tests.support.waiting import wait_until
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.gateway.linked_client import Gateway
from whatsapp_service.sessions.breaker import Patience
from whatsapp_service.sessions.half_links import HalfLinks
from whatsapp_service.sessions.linker import Linker, LinkerGoneError
from whatsapp_service.sessions.linker_pool import LinkerPool
from whatsapp_service.sessions.routes import Routes
from whatsapp_service.sessions.scouts import Scouts
from whatsapp_service.sessions.session import Services, Session
from whatsapp_service.sessions.state import Ended
from whatsapp_service.store.directory import Directory, StoreUnavailableError
from whatsapp_service.store.link_attempts import RecordedAttempt
from whatsapp_service.store.proxies import StoredRoute
from whatsapp_service.store.sessions import FencedError, StoredSession, Tenure
from whatsapp_service.store.sightings import Sightings

SALON: Final = SessionId("company_1001")
PROCESS_ID: Final = "process-1"
TENURE: Final = Tenure(SALON, PROCESS_ID, 7)
JID: Final = "79990000001:1@s.whatsapp.net"
BAN_S: Final = 7_200.0

C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=AnySessionEvent)


class Rows(Directory):
    """Postgres: one salon's row, and no credentials in the library's store."""

    def __init__(self) -> None:
        self.jid: str | None = None
        self.frozen = False
        self.away = self.credentials_away = False
        self.credentials_there = False
        self.fenced = False
        self.ended: list[str] = []
        self.retry_in_s: float | None = None
        self.deleted: list[str] = []
        self.sighted: dict[SessionId, float] = {}
        self.sightings_written = self.sightings_asked = 0
        self.phone_seen_s: float | None = None
        self.asked = 0
        """For the salon's row, or for its credentials."""

    async def find_session(self, session_id: SessionId) -> StoredSession | None:
        self.asked += 1
        if self.away:
            raise StoreUnavailableError
        if self.jid is None and not self.frozen:
            return None
        return StoredSession(session_id, self.jid, self.frozen, phone_seen_s=self.phone_seen_s)

    async def confirm(self, _tenure: Tenure) -> None:
        if self.away:
            raise StoreUnavailableError
        if self.fenced:
            raise FencedError

    async def set_frozen(self, _tenure: Tenure, *, frozen: bool) -> None:
        if self.away:
            raise StoreUnavailableError
        self.frozen = frozen

    async def attempts_left_behind(self, _over_s: float) -> list[RecordedAttempt]:
        return []

    async def find_route(self, _session_id: SessionId) -> StoredRoute | None:
        return None

    async def credentials_exist(self, _jid: str) -> bool:
        self.asked += 1
        if self.credentials_away:
            raise StoreUnavailableError
        return self.credentials_there

    async def delete_credentials(self, jid: str) -> None:
        if self.credentials_away:
            raise StoreUnavailableError
        self.deleted.append(jid)

    async def mark_ended(
        self, _tenure: Tenure, _state: str, reason: str, retry_in_s: float | None
    ) -> None:
        if self.away:
            raise StoreUnavailableError
        self.ended.append(reason)
        self.retry_in_s = retry_in_s

    async def save_device(self, _tenure: Tenure, jid: str, _phone: str) -> None:
        if self.away:
            raise StoreUnavailableError
        self.jid = jid

    async def mark_connected(self, tenure: Tenure, jid: str, phone: str) -> None:
        await self.save_device(tenure, jid, phone)

    async def keep_sightings(self, seen: Sightings) -> None:
        self.sightings_asked += 1
        if self.away:
            raise StoreUnavailableError
        self.sightings_written += 1
        self.sighted.update(seen)

    async def forget_device(self, _tenure: Tenure, _state: str, reason: str) -> None:
        if self.away:
            raise StoreUnavailableError
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

    def events(self, kind: type[E]) -> list[E]:
        return [said.event for said in self.said if isinstance(said.event, kind)]


class NoGateway(Gateway):
    def __init__(self) -> None:
        self.store_url = "postgres://store"


class Stage:
    """A session and what it works with."""

    def __init__(self, gateway: Gateway | None = None) -> None:
        self.rows, self.heard = Rows(), Heard()
        self.attempts = 0
        self.linkers_fail = False
        self.services = Services(
            pool=LinkerPool(capacity=1, spares=0, queue_limit=0, start=self._hang),
            gateway=gateway or NoGateway(),
            directory=self.rows,
            half_links=HalfLinks(self.rows, PROCESS_ID),
            routes=Routes(self.rows, None),
            publisher=self.heard,
            scouts=Scouts(),
            device_name="AI Admin",
            patience=Patience(),
        )
        self.session = Session(TENURE, self.services)

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


def command(kind: type[C], lives_ms: int = 18_000, **fields: Any) -> C:
    """For the salon of the stage."""
    now = now_ms()
    return kind(
        command_id=new_id(), company_id=SALON, issued_at=now, expires_at=now + lives_ms, **fields
    )


@asynccontextmanager
async def running_stage(gateway: Gateway | None = None) -> AsyncIterator[Stage]:
    stage = Stage(gateway)
    running = asyncio.create_task(stage.session.run())
    yield stage
    await stage.session.stop()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
