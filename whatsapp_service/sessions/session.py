"""One salon's session: a mailbox, one task, and whatever connection its state asks for."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
from prometheus_client import Counter

from shared.bus.commands import MovedError
from shared.bus.publisher import Publisher
from shared.messages.commands import (
    Command,
    Freeze,
    RequestPairingCode,
    RequestQr,
    Thaw,
    Unlink,
)
from shared.messages.status import Reason, SessionStatus
from shared.observability import capture
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.gateway.linked_client import Gateway
from whatsapp_service.sessions.breaker import Patience
from whatsapp_service.sessions.connection import Connection
from whatsapp_service.sessions.ending_counts import count_ending
from whatsapp_service.sessions.freeze_desk import FreezeDesk
from whatsapp_service.sessions.half_links import HalfLinks
from whatsapp_service.sessions.in_hand import InHand
from whatsapp_service.sessions.line import Line
from whatsapp_service.sessions.link_desk import LinkDesk
from whatsapp_service.sessions.linker_pool import LinkerPool
from whatsapp_service.sessions.recalling import read_row
from whatsapp_service.sessions.record import Record
from whatsapp_service.sessions.routes import Routes
from whatsapp_service.sessions.scouts import Scouts
from whatsapp_service.sessions.standing import Standing
from whatsapp_service.sessions.state import Happening, State, advance
from whatsapp_service.sessions.timers import Timers
from whatsapp_service.sessions.unlink_desk import UnlinkDesk
from whatsapp_service.sessions.voice import Voice
from whatsapp_service.store.directory import Directory, StoreUnavailableError
from whatsapp_service.store.sessions import FencedError, Tenure

_log = structlog.get_logger(__name__)
_changes = Counter("session_status_changes_total", "Status changes", ["status", "reason"])
_overflows = Counter("session_mailbox_overflows_total", "Happenings dropped by a full mailbox")

MAILBOX_SIZE: Final = 1_000
STOP_S: Final = 5.0
RECALL_RETRY_S: Final = 5.0


class MailboxFullError(Exception):
    """The session has more to do than it can."""


Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Services:
    """What every session works with; built once by the composition root."""

    pool: LinkerPool
    gateway: Gateway
    directory: Directory
    half_links: HalfLinks
    routes: Routes
    publisher: Publisher
    scouts: Scouts
    device_name: str
    patience: Patience


class Session:
    """All changes happen in `run`, one after the other, so that nothing races inside a session.

    Other tasks only put work into the mailbox. Trouble in one piece of work is logged and ends
    nothing: the next piece finds the state as it was.

    A write that another owner has overtaken ends it: what it holds is closed without a word.

    ``recalled``: it is known whether the salon has a device from an earlier life. Before that
    nothing is linked, and nothing is called unlinked.
    """

    def __init__(self, tenure: Tenure, services: Services) -> None:
        self.tenure = tenure
        self.session_id = tenure.session_id
        self.services = services
        self.state = State()
        self.changed_at = time.time()
        self.errors = 0
        self.timers = Timers()
        self.line = Line()
        self.voice = Voice(services.publisher, tenure, self.line)
        self.device: DeviceJid | None = None
        self.recalled = self._recall_failed = False
        self.ended = asyncio.Event()
        self._stopping = self._closed = self._working = False
        self._in_hand = InHand()
        self._settled = asyncio.Event()
        self._mailbox: asyncio.Queue[Work] = asyncio.Queue(MAILBOX_SIZE)
        self.record = Record(self)
        self.linking = LinkDesk(self)
        self.connection = Connection(self)
        self.unlinking = UnlinkDesk(self)
        self.freezing = FreezeDesk(self)

    async def run(self) -> None:
        """Until cancelled, stopped or fenced; commands that are not done then are its owner's."""
        structlog.contextvars.bind_contextvars(company_id=self.session_id)
        try:
            await self._work()
        finally:
            self.ended.set()
            self._in_hand.move_on()

    async def _work(self) -> None:
        while not self._closed:
            work = await self._mailbox.get()
            self._working = True
            try:
                await work()
            except FencedError:
                await self.drop()
                return
            except Exception as error:  # noqa: BLE001 - a session is a failure domain
                self.errors += 1
                _log.exception("session_work_failed")
                capture(error, operation="session", company_id=self.session_id)
            finally:
                self._working = False

    def post(self, work: Work) -> bool:
        """Put work into the mailbox; from any task of this event loop. False when it is full."""
        try:
            self._mailbox.put_nowait(work)
        except asyncio.QueueFull:
            _overflows.inc()
            _log.error("session_mailbox_full", company_id=self.session_id)
            return False
        return True

    async def submit(self, command: Command) -> None:
        """Returns when the command has had its effect or was answered with an error.

        Raises MovedError when the session ends before that, MailboxFullError, TimeoutError some
        time after the command's expiry, and whatever went wrong while it was carried out.
        """
        if self.ended.is_set():
            raise MovedError
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            try:
                await self._carry_out(command, done)
            except FencedError:
                raise  # it ends the session
            except Exception as error:
                if not done.done():
                    done.set_exception(error)
                raise

        if not self.post(work):
            raise MailboxFullError
        await self._in_hand.wait_for(command, done)

    async def _carry_out(self, command: Command, done: asyncio.Future[None]) -> None:
        if not self.recalled:
            await self._recall()
        match command:
            case RequestQr():
                await self.linking.want_qr(command, done)
            case RequestPairingCode():
                await self.linking.want_code(command, done)
            case Unlink():
                await self.unlinking.want(command, done)
            case Freeze():
                await self.freezing.freeze(command, done)
            case Thaw():
                await self.freezing.thaw(command, done)

    def recall(self) -> None:
        """Before anything else: open the device that was linked in an earlier life, if any.

        Until Postgres has told: a salon that is linked must not be left closed for want of it.
        """
        self.post(self._recall)

    async def _recall(self) -> None:
        if self.device is not None or self.linking.busy or self.record.behind:
            return
        try:
            stored = await read_row(self)
        except StoreUnavailableError:
            if not self._recall_failed:  # once, not every 5 s
                _log.warning("device_not_recalled")
            self._recall_failed = True
            self.timers.set("recall", RECALL_RETRY_S, self.recall)
            return
        self.recalled = True
        if stored is None:
            return
        with contextlib.suppress(ValueError):
            self.device = DeviceJid.parse(stored.jid) if stored.jid else None
        self.connection.standing = Standing.stored(stored)
        self.line.recall_phone(stored.phone_seen_s)
        if stored.frozen:
            self.freezing.remember()
        if self.device is not None:
            await self.connection.resume()
        elif stored.jid:
            _log.error("device_with_bad_jid")
            await self.connection.end(Reason.CREDENTIALS_BROKEN)

    async def first_outcome(self, timeout_s: float) -> None:
        """Wait until a restored session is connected, or it is known that it is not yet."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), timeout_s)

    async def open_device(self, device: DeviceJid) -> None:
        """Connect with the credentials of ``device``, unless frozen; runs inside the mailbox."""
        self.device = device
        self.connection.standing = None
        if self.frozen:
            self.freezing.remember()
        await self.connection.resume()

    async def give_in(self) -> None:
        """A piece of work that finds that the session has another owner."""
        raise FencedError

    async def drop(self) -> None:
        """It has another owner: close everything, and say nothing."""
        _log.error("session_fenced", epoch=self.tenure.epoch)
        self.timers.cancel_all()
        await self.linking.drop()
        await self.connection.close()
        self.timers.cancel_all()

    async def stop(self, timeout_s: float = STOP_S) -> None:
        """Close everything in order and end; a page sees that a linked salon will be back.

        When that takes longer it goes on: see `closing`.
        """
        self._stopping = True
        self.post(self._close)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), timeout_s)
        self.timers.cancel_all()

    async def _close(self) -> None:
        """The last piece of work: what is posted after it, or fires meanwhile, opens nothing."""
        try:
            await self.linking.abandon(Reason.SERVICE_STOPPED)
        finally:
            await self.connection.shut_down()
            self.timers.cancel_all()
            self._closed = True

    @property
    def closing(self) -> bool:
        """It was told to stop, and may still hold its device."""
        return self._stopping and not self.ended.is_set()

    def apply(self, happening: Happening) -> None:
        """Advance the state machine and tell the outside what changed."""
        before, self.state = self.state, advance(self.state, happening)
        if self.state == before:
            return
        self.changed_at = time.time()
        if self.state.status is not SessionStatus.RECONNECTING or self.state.reason:
            self._settled.set()
        _changes.labels(self.state.status, self.state.reason or "").inc()
        _log.info(
            "session_changed",
            company_id=self.session_id,  # also when others than its own task end it
            status=self.state.status,
            reason=self.state.reason,
            queue_position=self.state.queue_position,
        )
        count_ending(before, self.state)
        self.voice.state_changed(before, self.state)

    @property
    def retirable(self) -> bool:
        """Nothing is under way and nothing will happen by itself: only the snapshot is left."""
        return (
            self.device is None
            and not self.frozen
            and not self.linking.busy
            and not self._working
            and self._mailbox.empty()
            and not self.timers
        )

    @property
    def movable(self) -> bool:
        """Another process may go on with it: no link attempt and no unlinking is under way."""
        return not self.linking.busy and not self.unlinking.wanted

    @property
    def waiting(self) -> int:
        """Pieces of work in the mailbox."""
        return self._mailbox.qsize()

    @property
    def frozen(self) -> bool:
        return self.state.status is SessionStatus.FROZEN

    @property
    def connected(self) -> bool:
        return self.state.status is SessionStatus.CONNECTED
