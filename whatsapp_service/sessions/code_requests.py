"""Pairing codes, as a session gives them: who has asked, what is shown, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client import Counter

from shared.clock import now_ms
from shared.errors import ErrorCode
from shared.phone import PhoneNumber
from whatsapp_service.sessions.code_desk import REFUSALS, CodeDesk, Pending
from whatsapp_service.sessions.in_hand import settle
from whatsapp_service.sessions.state import CodeOver, CodeShown
from whatsapp_service.sessions.voice import SHOWN_CODE_S

if TYPE_CHECKING:
    import asyncio

    from shared.messages.commands import RequestPairingCode
    from whatsapp_service.gateway.linker_protocol import CodeFailed, CodeGiven
    from whatsapp_service.sessions.link_attempt import LinkAttempt
    from whatsapp_service.sessions.session import Session

_log = structlog.get_logger(__name__)
_codes = Counter("pairing_codes_total", "Pairing code requests by answer", ["outcome"])

ANSWER_RESERVE_S: Final = 1.0
"""A command is answered this long before it expires, so that the answer is in time."""

NEW_CODE_S: Final = 40.0
"""For a code that takes the place of one whose connection was lost: nobody counts the seconds, and
a busy machine may have several linkers to start at once."""


class CodeRequests:
    """Runs inside the session's mailbox. Whoever asks is answered, sooner or later."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._desk = CodeDesk()
        self._attempt: LinkAttempt | None = None

    def join(
        self, phone: PhoneNumber, command: RequestPairingCode, done: asyncio.Future[None]
    ) -> bool:
        """With the code that is live, or being made. False when there is none and nobody waits."""
        live, pending = self._desk.live_for(phone), self._desk.pending
        if live is not None:
            self._session.voice.code(self._session.state, live, command.command_id)
            self.answer(command, done, None)
        elif pending is not None and pending.phone == phone:
            pending.waiting.append((command, done))
        elif pending is not None:
            self.answer(command, done, ErrorCode.REQUEST_IN_PROGRESS)
        return live is not None or pending is not None

    def ask(
        self,
        attempt: LinkAttempt,
        phone: PhoneNumber,
        command: RequestPairingCode,
        done: asyncio.Future[None],
    ) -> None:
        """Have a code made. One that is live for another number is void."""
        self._desk.clear()
        pending = self._begin(attempt, phone)
        pending.waiting.append((command, done))
        self._be_patient((command.expires_at - now_ms()) / 1000 - ANSWER_RESERVE_S)

    def restart(self, attempt: LinkAttempt | None) -> None:
        """The attempt goes on with a fresh connection, from which a code comes to whoever waits.

        A code that was shown is void now, and another one for its number is made unasked.
        """
        live = self._desk.live
        self._desk.clear()
        self._session.timers.cancel("code over")
        if live is not None and self._desk.pending is None and attempt is not None:
            self._begin(attempt, PhoneNumber(live.phone_number))
            self._be_patient(NEW_CODE_S)

    def on_given(self, news: CodeGiven) -> None:
        given = self._desk.given(news.code)
        if given is None:
            return
        live, pending = given
        session = self._session
        session.apply(CodeShown())
        if not pending.waiting:
            session.voice.code(session.state, live, None)
        for command, done in pending.waiting:
            session.voice.code(session.state, live, command.command_id)
            self.answer(command, done, None)
        session.timers.cancel("code patience")
        session.timers.set("code over", SHOWN_CODE_S, lambda: session.post(self._on_over))

    def on_failed(self, news: CodeFailed) -> None:
        self._fail(REFUSALS[news.refused])

    def forget(self, code: ErrorCode) -> None:
        """No code, nobody waiting, no timer; ``code`` is what those who wait are told."""
        self._fail(code)
        self._desk.clear()
        self._session.timers.cancel("code over")

    def drop(self) -> None:
        """Without a word: who waits is somebody else's now."""
        self._desk.take_pending()
        self._desk.clear()

    def answer(
        self, command: RequestPairingCode, done: asyncio.Future[None], code: ErrorCode | None
    ) -> None:
        session = self._session
        _codes.labels(outcome=code or "given").inc()
        if code is not None:
            _log.info("pairing_code_refused", code=code)
            session.voice.code_refused(session.state, command.command_id, code)
        session.voice.result(session.state, command.command_id, code)
        settle(done)

    def _begin(self, attempt: LinkAttempt, phone: PhoneNumber) -> Pending:
        self._attempt = attempt
        return self._desk.await_code(phone, attempt.ask_code(phone))

    def _be_patient(self, patience_s: float) -> None:
        self._session.timers.set(
            "code patience",
            max(0.1, patience_s),
            lambda: self._session.post(self._on_overdue),
        )

    async def _on_over(self) -> None:
        self._desk.clear()
        self._session.apply(CodeOver())

    async def _on_overdue(self) -> None:
        if self._attempt is not None and self._desk.pending is not None:
            self._attempt.forget_code(self._desk.pending.request)
        self._fail(ErrorCode.PAIRING_CODE_FAILED)

    def _fail(self, code: ErrorCode) -> None:
        self._session.timers.cancel("code patience")
        pending = self._desk.take_pending()
        for command, done in pending.waiting if pending else []:
            self.answer(command, done, code)
