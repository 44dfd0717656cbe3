"""A pairing code for a salon and a number: one request at a time, within the limits."""

import contextlib
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from api_service.core.limits import Limits
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
from api_service.store.expiring_lock import ExpiringLock
from shared.bus.connection import BusError
from shared.bus.snapshots import PresentState, Snapshots
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.errors import AppError, ErrorCode
from shared.lifecycle import shielded
from shared.messages.commands import RequestPairingCode
from shared.messages.envelope import new_id
from shared.messages.events import AnySessionEvent, CommandResult, PairingCode, PairingCodeError
from shared.messages.snapshot import LiveCode
from shared.phone import PhoneNumber

_log = structlog.get_logger(__name__)

LOCK_RESERVE_S: Final = 3.0
"""The lock outlives the deadline by this, so that it never ends under a request in hand."""


@dataclass(frozen=True, slots=True)
class CodeAnswer:
    """``announced``: every page of the salon has got it by an event already."""

    code: LiveCode
    announced: bool


class CodeLinking:
    def __init__(
        self,
        snapshots: Snapshots,
        line: SessionLine,
        lock: ExpiringLock,
        limits: Limits,
        deadline_s: float,
    ) -> None:
        self._snapshots = snapshots
        self._line = line
        self._lock = lock
        self._limits = limits
        self._deadline_s = deadline_s

    async def request(self, session_id: SessionId, phone: PhoneNumber) -> CodeAnswer:
        """The same number again while its code lives: the same code; another number replaces it.

        Raises AppError: REQUEST_IN_PROGRESS with ``retry_after`` while another request of the salon
        is under way, in whichever process; RATE_LIMITED with ``retry_after``; ALREADY_CONNECTED;
        SALON_FROZEN; SERVICE_UNAVAILABLE while no WhatsApp process lives; PAIRING_CODE_FAILED past
        the deadline; AnnouncedError with what the WhatsApp process answered. Raises
        redis.exceptions.RedisError.
        """
        with measured("code"):
            return await answered(self._deadline_s, self._request(session_id, phone))

    async def _request(self, session_id: SessionId, phone: PhoneNumber) -> CodeAnswer:
        async with self._locked(session_id) as owned:
            state = await self._snapshots.present_state(session_id)
            refuse_linking(state)
            if (live := _live_code(state, phone)) is not None:
                return CodeAnswer(live, announced=False)
            if not owned:
                await self._refuse_second(session_id)
            return await self._ask_within_limits(session_id, phone)

    async def _ask_within_limits(self, session_id: SessionId, phone: PhoneNumber) -> CodeAnswer:
        """One request per number at a time as well: salons at once would all find room left."""
        number = self._limits.name_of(phone)
        async with self._locked(number) as owned:
            if not owned:
                await self._refuse_second(number)
            await self._limits.require_code_allowed(session_id, phone)
            waited_s = await self._line.owners.wait_for_one(self._deadline_s)
            return await self._generate(session_id, phone, self._deadline_s - waited_s)

    @contextlib.asynccontextmanager
    async def _locked(self, subject: str) -> AsyncIterator[bool]:
        """Released also when we are cancelled before we have learned that it is ours."""
        owner = new_id()
        try:
            yield await self._lock.acquire(subject, owner, self._deadline_s + LOCK_RESERVE_S)
        finally:
            await self._release(subject, owner)

    async def _release(self, subject: str, owner: str) -> None:
        try:
            await self._lock.release(subject, owner)
        except BusError as error:
            _log.warning("pairing_lock_left_to_expire", error=type(error).__name__)

    async def _refuse_second(self, subject: str) -> None:
        remaining_s = await self._lock.remaining_s(subject)
        raise AppError(ErrorCode.REQUEST_IN_PROGRESS, retry_after=max(1, math.ceil(remaining_s)))

    async def _generate(
        self, session_id: SessionId, phone: PhoneNumber, deadline_s: float
    ) -> CodeAnswer:
        """Counts against the limits unless WhatsApp was certainly not asked."""
        counts = True
        try:
            outcome = await self._ask(session_id, phone, deadline_s)
            counts = isinstance(outcome, CodeAnswer) or outcome.code is ErrorCode.BAILEYS_ERROR
        except BusError:
            counts = False
            raise
        finally:
            if counts:
                await shielded(self._limits.count_code(session_id, phone), "code count")
        if isinstance(outcome, AppError):
            raise outcome
        return outcome

    async def _ask(
        self, session_id: SessionId, phone: PhoneNumber, deadline_s: float
    ) -> CodeAnswer | AppError:
        command = RequestPairingCode(
            command_id=new_id(),
            company_id=session_id,
            issued_at=now_ms(),
            expires_at=deadline_ms(deadline_s),
            phone_number=phone,
        )
        expectation = Expectation[CodeAnswer | AppError](_decide(command))
        with self._line.outcomes.expecting(session_id, expectation):
            await self._line.commands.send(command)
            try:
                return await expectation.outcome(deadline_s)
            except TimeoutError:
                return await self._past_deadline(session_id, phone)

    async def _past_deadline(
        self, session_id: SessionId, phone: PhoneNumber
    ) -> CodeAnswer | AppError:
        """An event may have been missed: what is in Redis decides."""
        live = _live_code(await self._snapshots.present_state(session_id), phone)
        if live is not None:
            return CodeAnswer(live, announced=False)
        return AppError(ErrorCode.PAIRING_CODE_FAILED)


def _live_code(state: PresentState, phone: PhoneNumber) -> LiveCode | None:
    code = state.code
    if code is None or code.phone_number != phone or not alive(code.expires_at):
        return None
    return code


Decide = Callable[[AnySessionEvent], CodeAnswer | AppError | None]


def _decide(command: RequestPairingCode) -> Decide:
    def decide(event: AnySessionEvent) -> CodeAnswer | AppError | None:
        match event:
            case PairingCode(phone_number=command.phone_number):
                live = LiveCode(
                    code=event.code, phone_number=event.phone_number, expires_at=event.expires_at
                )
                return CodeAnswer(live, announced=True)
            case PairingCodeError(command_id=command.command_id):
                return AnnouncedError(event.code)
            case CommandResult(command_id=command.command_id, success=False):
                return AppError(event.code or ErrorCode.PAIRING_CODE_FAILED)
            case _:
                return None

    return decide
