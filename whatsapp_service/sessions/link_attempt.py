"""One salon's attempt to link: a slot, a linker process, QRs and codes, until linked or over."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from shared.company_id import SessionId
from shared.messages.status import Reason
from shared.phone import PhoneNumber
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.gateway.linker_protocol import (
    AskCode,
    CodeFailed,
    CodeGiven,
    Ended,
    Linked,
    Paired,
    QrText,
    Report,
    Start,
)
from whatsapp_service.sessions.half_links import HalfLinks
from whatsapp_service.sessions.linker import Linker, LinkerGoneError
from whatsapp_service.sessions.linker_pool import LinkerPool, Slot
from whatsapp_service.sessions.routes import UnusableRouteError
from whatsapp_service.store.directory import StoreUnavailableError

_log = structlog.get_logger(__name__)

CONNECTION_S: Final = 160.0
"""WhatsApp ends a connection that is not linked after 60 + 5 × 20 s; a code dies with it."""
CODE_NEEDS_S: Final = 70.0
FIRST_LOGIN_S: Final = 75.0
"""The linker gives its first login 60 s."""
GRACE_S: Final = 15.0
FIRST_QR_S: Final = 12.0
MAX_LOSSES: Final = 2
"""Linkers that may die in one attempt without ending it."""

_REASONS: Final = {
    "qr-expired": Reason.QR_EXPIRED,
    "unreachable": Reason.WHATSAPP_UNREACHABLE,
    "proxy": Reason.PROXY_UNREACHABLE,
    "outdated": Reason.CLIENT_OUTDATED,
    "passkey": Reason.PASSKEY_REQUIRED,
    "refused": Reason.REFUSED,
    "failed": Reason.LINKER_FAILED,
}


@dataclass(frozen=True, slots=True)
class SlotGranted:
    """A linker works for this attempt."""


@dataclass(frozen=True, slots=True)
class Queued:
    position: int


@dataclass(frozen=True, slots=True)
class Restarted:
    """A fresh connection takes the place of an old or lost one: its QR and code are void."""


@dataclass(frozen=True, slots=True)
class AttemptOver:
    """The attempt's processes are gone. ``reason`` is None when the device is linked."""

    reason: Reason | None


AttemptNews = (
    SlotGranted | Queued | Restarted | QrText | CodeGiven | CodeFailed | Paired | AttemptOver
)
OnNews = Callable[[AttemptNews], object]
AskStart = Callable[[], Awaitable[Start]]
"""What a linker is told to begin with. Raises StoreUnavailableError, UnusableRouteError."""


class LinkAttempt:
    """Tells its news through ``on_news``; the last of it is always AttemptOver.

    A code is given only on a connection that lives for at least 70 s more; an older one is
    replaced by a fresh one first, in the same slot.
    """

    def __init__(
        self,
        session_id: SessionId,
        pool: LinkerPool,
        half_links: HalfLinks,
        ask_start: AskStart,
        on_news: OnNews,
    ) -> None:
        self._session_id = session_id
        self._pool = pool
        self._half_links = half_links
        self._ask_start = ask_start
        self._on_news = on_news
        self._linker: Linker | None = None
        self._connected_at: float | None = None
        self._wanted: AskCode | None = None
        self._requests = itertools.count(1)
        self._restart = False
        self._paired = False
        self._identity: bytes | None = None
        self._losses = 0

    async def run(self) -> None:
        """Until linked or over; cancelling it ends its processes. Raises QueueFullError."""
        slot = self._pool.ask(lambda position: self._on_news(Queued(position)))
        reason: Reason | None = Reason.LINKER_FAILED
        try:
            await slot.granted.wait()
            self._on_news(SlotGranted())
            reason = await self._work(slot)
        except (LinkerGoneError, TimeoutError):
            _log.warning("link_attempt_lost_its_linker")
        except StoreUnavailableError:
            _log.warning("link_attempt_without_store")
            reason = Reason.STORE_UNAVAILABLE
        except UnusableRouteError:
            reason = Reason.PROXY_UNREACHABLE
        finally:
            await slot.release()
        self._on_news(AttemptOver(reason))

    def ask_code(self, phone: PhoneNumber) -> int:
        """Have a code made for ``phone``; its CodeGiven or CodeFailed carries the number returned.

        A code asked for before is forgotten: WhatsApp honours the newest only.
        """
        self._wanted = AskCode(request=next(self._requests), phone=phone)
        if self._connected_at is not None and self._linker is not None:
            if self._remaining_s() >= CODE_NEEDS_S:
                self._linker.tell(self._wanted)
            else:
                self._restart = True
                self._linker.interrupt()
        return self._wanted.request

    def forget_code(self, request: int) -> None:
        """Nobody waits for it any more: WhatsApp is not asked, if it has not been yet."""
        if self._wanted is not None and self._wanted.request == request:
            self._wanted = None

    def _remaining_s(self) -> float:
        assert self._connected_at is not None
        return CONNECTION_S - (time.monotonic() - self._connected_at)

    async def _work(self, slot: Slot) -> Reason | None:
        while True:
            self._restart = False
            self._connected_at = self._identity = None
            start = await self._ask_start()
            self._linker = await slot.fresh_linker()
            self._linker.tell(start)
            reason = await self._follow(self._linker)
            lost = self._restart or reason is Reason.LINKER_FAILED
            if self._paired or not lost:
                return reason
            await slot.end_linker()
            if await self._claim():
                return None
            if not self._restart and self._losses >= MAX_LOSSES:
                return reason
            self._losses += not self._restart
            self._on_news(Restarted())

    async def device(self) -> DeviceJid | None:
        """What the phone accepted before the linker was gone without a word, if it did.

        Raises StoreUnavailableError.
        """
        return await self._half_links.device_of(self._identity) if self._identity else None

    async def leave_behind(self) -> None:
        """What the phone accepted, or accepts in this instant, is found by whoever looks next.

        Raises StoreUnavailableError.
        """
        if self._identity:
            await self._half_links.leave_behind(self._identity)

    async def _claim(self) -> bool:
        """The news is as if the linker had said so."""
        device = await self.device()
        if device is None:
            return False
        _log.warning("device_of_lost_linker_found")
        self._paired = True
        self._on_news(Paired(jid=str(device)))
        return True

    async def _follow(self, linker: Linker) -> Reason | None:
        try:
            async with asyncio.timeout(FIRST_QR_S) as patience:
                async for report in linker.reports():
                    if isinstance(report, Ended):
                        return _REASONS[report.reason]
                    if isinstance(report, Linked):
                        return None
                    await self._handle(report)
                    patience.reschedule(asyncio.get_running_loop().time() + self._patience_s())
        except TimeoutError:
            if self._connected_at is None:
                return Reason.WHATSAPP_UNREACHABLE
            _log.error("linker_hangs", pid=linker.pid)
        return Reason.LINKER_FAILED

    def _patience_s(self) -> float:
        """How long the linker may be silent: it ends by itself unless it hangs."""
        if self._paired:
            return FIRST_LOGIN_S
        return FIRST_QR_S if self._connected_at is None else self._remaining_s() + GRACE_S

    async def _handle(self, report: Report) -> None:
        if isinstance(report, QrText):
            if self._connected_at is None:
                await self._on_first_qr(report)
            self._on_news(report)
        elif isinstance(report, CodeGiven | CodeFailed):
            if self._wanted is not None and report.request == self._wanted.request:
                self._wanted = None
                self._on_news(report)
        elif isinstance(report, Paired):
            self._paired = True
            self._on_news(report)

    async def _on_first_qr(self, report: QrText) -> None:
        """Whose device it will be is on record before anybody can link it."""
        self._identity = await self._half_links.record(self._session_id, report.text)
        self._connected_at = time.monotonic()
        if self._wanted is not None and self._linker is not None:
            self._linker.tell(self._wanted)
