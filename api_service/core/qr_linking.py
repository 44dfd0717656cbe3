"""A QR for a salon: the live one at once, else a new one from the WhatsApp process."""

from dataclasses import dataclass
from typing import Final

from api_service.core.breaker import Breaker, Operation, Verdict
from api_service.core.linking import (
    AnnouncedError,
    SessionLine,
    alive,
    answered,
    deadline_ms,
    measured,
    refuse_linking,
)
from api_service.core.outcomes import Expectation
from shared.bus.snapshots import Snapshots
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.errors import AppError, ErrorCode
from shared.failures import failure_code
from shared.messages.commands import RequestQr
from shared.messages.envelope import new_id
from shared.messages.events import AnySessionEvent, CommandResult, Connected, Qr, StatusChanged
from shared.messages.snapshot import LiveQr
from shared.messages.status import SessionStatus

_UNDER_WAY: Final = {SessionStatus.QUEUED, SessionStatus.PAIRING, SessionStatus.LINKING}
_NOBODYS_FAULT: Final = {
    ErrorCode.ALREADY_CONNECTED,
    ErrorCode.LINKER_QUEUE_FULL,
    # One salon's own trouble, which must not close the door to all others.
    ErrorCode.PROXY_UNREACHABLE,
    ErrorCode.PASSKEY_REQUIRED,
    ErrorCode.SALON_FROZEN,
}


@dataclass(frozen=True, slots=True)
class QrAnswer:
    """``qr`` is None while the salon waits in the queue, or finishes linking, past the deadline.

    ``announced``: every page of the salon has got it by an event already.
    """

    qr: LiveQr | None
    announced: bool = False
    queue_position: int | None = None


class _QrWait:
    """Decides on events; remembers that time went by in the queue."""

    def __init__(self, command_id: str) -> None:
        self._command_id = command_id
        self.queued = False

    def __call__(self, event: AnySessionEvent) -> LiveQr | AppError | None:
        match event:
            case Qr():
                return LiveQr(qr=event.qr, expires_at=event.expires_at)
            case Connected():
                return AppError(ErrorCode.ALREADY_CONNECTED)
            case StatusChanged():
                self.queued |= event.status is SessionStatus.QUEUED
                code = failure_code(event.status, event.reason)
                return AnnouncedError(code) if code else None
            case CommandResult(command_id=self._command_id, success=False):
                return AppError(event.code or ErrorCode.INTERNAL_ERROR)
            case _:
                return None


class QrLinking:
    def __init__(
        self,
        snapshots: Snapshots,
        line: SessionLine,
        breaker: Breaker,
        deadline_s: float,
    ) -> None:
        self._snapshots = snapshots
        self._line = line
        self._breaker = breaker
        self._deadline_s = deadline_s

    async def request(self, session_id: SessionId) -> QrAnswer:
        """Asked again while a QR is live, the same comes back.

        Raises AppError: ALREADY_CONNECTED; SALON_FROZEN; SERVICE_UNAVAILABLE with ``retry_after``
        while the breaker is open or no WhatsApp process lives; QR_TIMEOUT past the deadline; what
        the WhatsApp process answers, as AnnouncedError when it is a status. Raises
        redis.exceptions.RedisError.
        """
        with measured("qr"):
            return await answered(self._deadline_s, self._request(session_id))

    async def _request(self, session_id: SessionId) -> QrAnswer:
        state = await self._snapshots.present_state(session_id)
        refuse_linking(state)
        if state.qr is not None and alive(state.qr.expires_at):
            return QrAnswer(state.qr)
        async with self._breaker.operation() as operation:
            deadline_s = self._deadline_s - await self._wait_for_owner(operation)
            return await self._generate(session_id, operation, deadline_s)

    async def _wait_for_owner(self, operation: Operation) -> float:
        try:
            return await self._line.owners.wait_for_one(self._deadline_s)
        except AppError:
            operation.verdict = Verdict.FAILURE
            raise

    async def _generate(
        self, session_id: SessionId, operation: Operation, deadline_s: float
    ) -> QrAnswer:
        command = RequestQr(
            command_id=new_id(),
            company_id=session_id,
            issued_at=now_ms(),
            expires_at=deadline_ms(deadline_s),
        )
        decide = _QrWait(command.command_id)
        expectation = Expectation[LiveQr | AppError](decide)
        with self._line.outcomes.expecting(session_id, expectation):
            await self._line.commands.send(command)
            try:
                outcome = await expectation.outcome(deadline_s)
            except TimeoutError:
                return await self._past_deadline(session_id, operation, queued=decide.queued)
        if isinstance(outcome, LiveQr):
            operation.verdict = Verdict.SUCCESS
            return QrAnswer(outcome, announced=True)
        if outcome.code not in _NOBODYS_FAULT:
            operation.verdict = Verdict.FAILURE
        raise outcome

    async def _past_deadline(
        self, session_id: SessionId, operation: Operation, *, queued: bool
    ) -> QrAnswer:
        """An event may have been missed: what is in Redis decides."""
        state = await self._snapshots.present_state(session_id)
        refuse_linking(state)
        if state.qr is not None and alive(state.qr.expires_at):
            operation.verdict = Verdict.SUCCESS
            return QrAnswer(state.qr)
        if queued or (state.snapshot is not None and state.snapshot.status in _UNDER_WAY):
            position = state.snapshot.queue_position if state.snapshot else None
            return QrAnswer(None, queue_position=position)
        operation.verdict = Verdict.FAILURE
        raise AppError(ErrorCode.QR_TIMEOUT)
