"""A salon at each step of linking at once, each with its owner's page and phone."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from sandbox.whatsapp_network.control_client import ControlClient
from sandbox.whatsapp_network.faults import FaultKind
from shared.company_id import SalonId, SessionId, session_id_of
from tests.support.api import token_for
from tests.support.page import Page, open_page
from tests.support.waiting import wait_until

PATIENCE_S: Final = 45.0
TOLD_S: Final = 30.0
"""Within 7.5 s on an idle machine: a test prints it."""
LINKERS: Final = 6
"""One salon less than there are at work: it waits in the queue."""

Status = dict[str, Any]


@dataclass(eq=False)
class Owner:
    """``told_before``: how many statuses the page had seen when something was killed."""

    salon: SalonId
    number: str
    phones: ControlClient
    page: Page = field(init=False)
    told_before: int = 0

    @property
    def session(self) -> SessionId:
        return session_id_of(self.salon)

    async def come(self, stack: AsyncExitStack, api_url: str) -> None:
        """Open the page, or open it again after its server was killed."""
        self.page = await stack.enter_async_context(open_page(api_url, token_for(self.salon)))
        await self._patiently(lambda: self.page.all("status"), "greeted")

    @property
    def status(self) -> Status:
        newest: Status = self.page.all("status")[-1]
        return newest

    async def has_status(self, wanted: str) -> Status:
        """One that lasts; of others see `went_through`."""
        await self._patiently(lambda: self.status["status"] == wanted, wanted)
        return self.status

    async def went_through(self, *wanted: str, since: int = 0) -> None:
        """In that order, after so many statuses; some may have lasted for a moment only."""

        def told() -> bool:
            later = iter([status["status"] for status in self.page.all("status")[since:]])
            return all(status in later for status in wanted)

        await self._patiently(told, f"{wanted}")

    async def sees_qr(self) -> str:
        seen = len(self.page.all("qr-update"))
        await self.page.ask("request-qr")
        return await self.sees_another_qr(seen)

    @property
    def was_given_up(self) -> bool:
        """An attempt waits 12 s for WhatsApp; its page asks anew."""
        return self.status.get("reason") == "whatsapp_unreachable"

    async def sees_qr_at_last(self) -> str:
        """Of an attempt that was held up; asked for anew when that took too long."""
        await self._patiently(
            lambda: self.was_given_up or self.page.all("qr-update"), "a QR, or the end"
        )
        return await (self.sees_qr() if self.was_given_up else self.sees_another_qr(0))

    async def sees_another_qr(self, seen: int) -> str:
        await self._patiently(lambda: self.page.all("qr-update")[seen:], "a QR")
        text: str = self.page.all("qr-update")[-1]["qr"]
        return text

    async def asks_code(self) -> None:
        await self.page.ask("request-pairing-code", {"phoneNumber": self.number})

    async def sees_another_code(self, seen: int) -> str:
        await self._patiently(lambda: self.page.all("pairing-code")[seen:], "a code")
        code: str = self.page.all("pairing-code")[-1]["code"]
        return code

    async def gets_code(self) -> str:
        seen = len(self.page.all("pairing-code"))
        await self.asks_code()
        return await self.sees_another_code(seen)

    async def scans(self) -> None:
        await self.phones.scan(self.number, await self.sees_qr())

    async def types(self) -> None:
        await self.phones.type_code(self.number, await self.gets_code())

    async def is_connected(self) -> None:
        await self._patiently(lambda: self.page.all("whatsapp-connected"), "connected")
        assert self.page.all("whatsapp-connected")[-1]["phone"] == self.number

    async def is_told(self, since: float, reason: str | None = None) -> float:
        """Seconds until the page was told something new, or that reason, after the kill."""

        def told() -> bool:
            news = self.page.all("status")[self.told_before :]
            return any(reason in {None, status.get("reason")} for status in news)

        left_s = TOLD_S - (time.monotonic() - since)
        await wait_until(
            told,
            left_s,
            f"{self.number} is told; its last: {self.status}",
        )
        return time.monotonic() - since

    async def _patiently(self, predicate: Any, what: str) -> None:
        try:
            await wait_until(predicate, PATIENCE_S, f"{self.number}: {what}")
        except TimeoutError as error:
            error.add_note(f"told at last: {self.page.told[-6:]}")
            raise


def owners_of(phones: ControlClient, count: int) -> list[Owner]:
    """Of different salons and numbers."""
    return [Owner(SalonId(1001 + index), f"7999000000{index}", phones) for index in range(count)]


@dataclass(eq=False)
class Steps:
    """The steps at which something is killed."""

    phones: ControlClient
    queued: Owner = field(init=False)
    connecting: Owner = field(init=False)
    code_asked: Owner = field(init=False)
    qr_shown: Owner = field(init=False)
    code_shown: Owner = field(init=False)
    scanned: Owner = field(init=False)
    typed: Owner = field(init=False)
    connected: Owner = field(init=False)

    def __post_init__(self) -> None:
        names = self._names()
        for name, owner in zip(names, owners_of(self.phones, len(names)), strict=True):
            setattr(self, name, owner)

    def __iter__(self) -> Iterator[Owner]:
        return (getattr(self, name) for name in self._names())

    @property
    def unlinked(self) -> list[Owner]:
        return [self.queued, self.connecting, self.code_asked, self.qr_shown, self.code_shown]

    @property
    def accepted(self) -> list[Owner]:
        return [self.scanned, self.typed, self.connected]

    async def take(self, stack: AsyncExitStack, api_url: str) -> None:
        """Bring each salon to its step; the network holds them there until `go_on`."""
        for owner in self:
            await self.phones.create_phone(owner.number)
            await owner.come(stack, api_url)
        for owner in (self.scanned, self.typed):
            await self.phones.add_fault(FaultKind.HELD, number=owner.number)
        await self.connected.scans()
        await self.connected.is_connected()
        await asyncio.gather(
            self.qr_shown.sees_qr(),
            self.code_asked.sees_qr(),
            self.code_shown.gets_code(),
            self.scanned.scans(),
            self.typed.types(),
        )
        await asyncio.gather(self.scanned.has_status("linking"), self.typed.has_status("linking"))
        await self.phones.add_fault(FaultKind.HELD)
        await self.code_asked.asks_code()
        await wait_until(self._code_is_asked, PATIENCE_S, "WhatsApp is asked for the code")
        await self.connecting.page.ask("request-qr")
        await self.connecting.has_status("connecting")
        await self.queued.page.ask("request-qr")
        await self.queued.has_status("queued")
        for owner in self:
            owner.told_before = len(owner.page.all("status"))

    async def go_on(self) -> None:
        await self.phones.clear_faults()

    async def assert_nothing_is_half_linked(self, database_url: str) -> None:
        """Each phone lists exactly the device that its salon's session owns."""
        listed = {
            f"{owner.number}:{device.device}@s.whatsapp.net"
            for owner in self
            for device in (await self.phones.phone(owner.number)).devices
        }
        assert len(listed) == len(list(self))
        assert await owned_devices(database_url) == listed

    async def _code_is_asked(self) -> bool:
        return any(
            event.kind == "code_requested" and event.number == self.code_asked.number
            for event in await self.phones.events()
        )

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in cls.__dataclass_fields__ if name != "phones"]


async def owned_devices(database_url: str) -> set[str]:
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        cursor = await connection.execute("SELECT jid FROM whatsapp_sessions WHERE jid IS NOT NULL")
        return {row[0] for row in await cursor.fetchall()}
