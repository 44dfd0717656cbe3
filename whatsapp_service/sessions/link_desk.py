"""Linking, as a session does it: one attempt, its QRs, its code, and who waits for what."""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client import Counter

from shared.errors import ErrorCode
from shared.failures import code_of
from shared.messages.status import Reason, SessionStatus
from shared.phone import PhoneNumber
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.gateway.linker_protocol import (
    CodeFailed,
    CodeGiven,
    Paired,
    QrText,
    Start,
)
from whatsapp_service.sessions.code_requests import CodeRequests
from whatsapp_service.sessions.discarding import discard
from whatsapp_service.sessions.in_hand import settle
from whatsapp_service.sessions.link_attempt import (
    AttemptNews,
    AttemptOver,
    LinkAttempt,
    Queued,
    Restarted,
    SlotGranted,
)
from whatsapp_service.sessions.linker_pool import QueueFullError
from whatsapp_service.sessions.state import (
    LINKED,
    LinkAsked,
    LinkerGranted,
    LinkFailed,
    LinkQueued,
    LinkRestarted,
    PhoneAccepted,
    QrShown,
)
from whatsapp_service.sessions.voice import SHOWN_QR_S
from whatsapp_service.store.directory import StoreUnavailableError

if TYPE_CHECKING:
    from shared.messages.commands import RequestPairingCode, RequestQr
    from whatsapp_service.sessions.session import Session

_log = structlog.get_logger(__name__)
_outcomes = Counter("link_attempts_total", "Link attempts by how they ended", ["outcome"])

DEVICE_BEFORE_BACK_S: Final = 60.0
"""After a link attempt that came to nothing, a device that was there before and was to come back by
itself is tried after this, or when its ban is over, if that is later."""


class LinkDesk:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._attempt: LinkAttempt | None = None
        self._task: asyncio.Task[None] | None = None
        self._codes = CodeRequests(session)
        self._qr: str | None = None
        self._qr_until = 0.0
        self._device_before: DeviceJid | None = None
        self._device_back_in_s: float | None = None

    @property
    def busy(self) -> bool:
        return self._task is not None

    async def want_qr(self, command: RequestQr, done: asyncio.Future[None]) -> None:
        session = self._session
        code = ErrorCode.COMMAND_EXPIRED if command.is_expired() else self._refusal()
        if code is None:
            self._ensure_attempt()
            self._show_qr()
        session.voice.result(session.state, command.command_id, code)
        settle(done)

    async def want_code(self, command: RequestPairingCode, done: asyncio.Future[None]) -> None:
        session, phone = self._session, PhoneNumber(command.phone_number)
        if command.is_expired():
            session.voice.result(session.state, command.command_id, ErrorCode.COMMAND_EXPIRED)
            settle(done)
        elif (refusal := self._refusal()) is not None:
            self._codes.answer(command, done, refusal)
        elif not self._codes.join(phone, command, done):
            self._codes.ask(self._ensure_attempt(), phone, command, done)

    async def abandon(self, reason: Reason) -> None:
        """End the attempt and its processes, whatever it is doing.

        A device that the phone has accepted meanwhile is the session's afterwards, else the one
        that was there before.
        """
        task, self._task = self._task, None
        attempt, self._attempt = self._attempt, None
        if task is None or attempt is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        frozen = reason is Reason.FROZEN
        self._forget(ErrorCode.SALON_FROZEN if frozen else ErrorCode.PAIRING_CODE_FAILED)
        session = self._session
        if session.device is None:
            session.device = await self._device_of(attempt)
        if session.device is None and reason is not Reason.SERVICE_STOPPED:
            session.device = self._device_before  # whoever stops leaves it to the next owner
        if session.device is None:
            session.apply(LinkFailed(reason))
        else:
            session.apply(PhoneAccepted(session.device.phone))

    async def drop(self) -> None:
        """End the attempt without a word: the session and who waits are somebody else's now."""
        task, self._task = self._task, None
        attempt, self._attempt = self._attempt, None
        self._codes.drop()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if attempt is not None:
            with contextlib.suppress(StoreUnavailableError):
                await attempt.leave_behind()

    async def _device_of(self, attempt: LinkAttempt) -> DeviceJid | None:
        """Of an attempt that was cut off. The next start looks again, should Postgres be away."""
        try:
            device = await attempt.device()
        except StoreUnavailableError:
            _log.warning("abandoned_attempt_not_checked")
            return None
        if device is not None:
            await self._session.record.linked(device)
        return device

    def _refusal(self) -> ErrorCode | None:
        """Linked, or about to be, or nobody knows: a second device must not be made."""
        if self._session.frozen:
            self._session.voice.status(self._session.state)
            return ErrorCode.SALON_FROZEN
        if not self._session.recalled:
            self._session.apply(LinkAsked())
            self._session.apply(LinkFailed(Reason.STORE_UNAVAILABLE))
            return ErrorCode.SERVICE_UNAVAILABLE
        state = self._session.state
        if state.status in LINKED or state.status is SessionStatus.LINKING:
            self._session.voice.status(state)
            return ErrorCode.ALREADY_CONNECTED
        return None

    def _ensure_attempt(self) -> LinkAttempt:
        if self._attempt is not None and self._task is not None:
            return self._attempt
        session = self._session
        # A banned or replaced device must not come back while another is being linked.
        self._device_before = session.device
        self._device_back_in_s = session.timers.remaining_s("reopen")
        session.device = None
        session.timers.cancel("reopen")
        session.apply(LinkAsked())
        services = session.services
        attempt = LinkAttempt(
            session.session_id,
            services.pool,
            services.half_links,
            self._start,
            lambda news: session.post(partial(self._on_news, attempt, news)),
        )
        self._attempt = attempt
        self._task = asyncio.create_task(attempt.run(), name=f"link {session.session_id}")
        self._task.add_done_callback(partial(self._on_task_done, attempt))
        return attempt

    async def _start(self) -> Start:
        """Anew for each connection: its way may have been changed meanwhile."""
        services = self._session.services
        route = await services.routes.of(self._session.session_id)
        return Start(
            store_url=services.gateway.store_url,
            device_name=services.device_name,
            proxy_url=route.for_library if route else "",
        )

    def _on_task_done(self, attempt: LinkAttempt, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        full = isinstance(task.exception(), QueueFullError)
        if not full:
            _log.error("link_attempt_failed", exc_info=task.exception())
        reason = Reason.LINKER_QUEUE_FULL if full else Reason.LINKER_FAILED
        self._session.post(partial(self._on_news, attempt, AttemptOver(reason)))

    async def _on_news(self, attempt: LinkAttempt, news: AttemptNews) -> None:
        if attempt is not self._attempt:
            return
        self._session.line.last_event_at = time.time()
        match news:
            case Queued(position):
                self._session.apply(LinkQueued(position))
            case SlotGranted():
                self._session.apply(LinkerGranted())
            case Restarted():
                self._on_restarted()
            case QrText():
                self._on_qr(news)
            case CodeGiven():
                self._codes.on_given(news)
            case CodeFailed():
                self._codes.on_failed(news)
            case Paired():
                await self._on_paired(DeviceJid.parse(news.jid))
            case AttemptOver(reason):
                await self._on_over(reason)

    def _on_restarted(self) -> None:
        self._qr = None
        self._session.timers.cancel("qr again")
        self._session.apply(LinkRestarted())
        self._codes.restart(self._attempt)

    def _on_qr(self, news: QrText) -> None:
        self._qr, self._qr_until = news.text, time.monotonic() + news.lifetime_s
        self._session.apply(QrShown())
        self._show_qr()

    def _show_qr(self) -> None:
        """Tell the QR, and again every 20 s while the same text lives on (the first lives 60)."""
        remaining_s = self._qr_until - time.monotonic()
        showable = self._session.state.status in {SessionStatus.QR, SessionStatus.PAIRING}
        if self._qr is None or remaining_s < 1 or not showable:
            return
        self._session.voice.qr(self._session.state, self._qr, remaining_s)
        if remaining_s > SHOWN_QR_S:
            self._session.timers.set(
                "qr again", SHOWN_QR_S, lambda: self._session.post(self._show_qr_again)
            )

    async def _show_qr_again(self) -> None:
        self._show_qr()

    async def _on_paired(self, device: DeviceJid) -> None:
        """The store row first: whatever dies after it, the device is opened, not lost."""
        session = self._session
        self._forget(ErrorCode.ALREADY_CONNECTED)
        session.device = device
        await session.record.linked(device)
        session.line.see_phone()
        session.apply(PhoneAccepted(device.phone))
        before, self._device_before = self._device_before, None
        if before is not None and before != device:
            await discard(session, before)

    async def _on_over(self, reason: Reason | None) -> None:
        self._attempt = self._task = None
        _outcomes.labels(outcome=reason or "linked").inc()
        session = self._session
        if session.device is not None:
            await session.open_device(session.device)
            return
        reason = reason or Reason.LINKER_FAILED
        self._forget(code_of(reason))
        session.apply(LinkFailed(reason))
        if self._device_before is not None:
            session.device = self._device_before
            if self._device_back_in_s is not None:
                session.connection.reopen_in(max(DEVICE_BEFORE_BACK_S, self._device_back_in_s))

    def _forget(self, code: ErrorCode) -> None:
        """No QR, no code, nobody waiting, no timer of linking."""
        self._codes.forget(code)
        self._qr = None
        self._session.timers.cancel("qr again")
